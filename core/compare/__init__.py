"""Measure what a conversion cost: answers, accuracy, speed."""
