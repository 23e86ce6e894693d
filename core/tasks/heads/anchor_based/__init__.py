"""Heads with anchors (prior boxes): each cell of a grid corrects some boxes of known size."""
