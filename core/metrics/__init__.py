"""Similarity of two models' outputs, and classification metrics, accumulated in constant memory."""
