"""Heads without anchors: each cell of a grid says where the one box around it lies."""
