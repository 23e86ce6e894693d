"""Observers: statistics of a tensor over all calibration samples, and the range that follows from them."""
