"""Heads of face detectors: one class, and mostly five keypoints (eyes, nose, corners of the mouth)."""
