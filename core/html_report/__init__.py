"""The report to hand on: one HTML file that opens anywhere, with the figures as CSV and JSON beside it."""
