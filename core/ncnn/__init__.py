"""Readers and writers of ncnn's file formats: ``.param``, ``.bin`` and ``.table``."""
