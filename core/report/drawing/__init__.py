"""Predictions drawn over their pictures, as SVG.

SVG and not pixels: names in any script are drawn with the reader's own fonts and stay sharp at any size, a drawing is
hardly larger than its picture, and it can be put into an HTML page as it is. A drawing refers to nothing outside
itself: pictures are embedded, and names from models are escaped.
"""
