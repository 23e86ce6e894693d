"""16-bit floats: which nodes may compute in them, and how weights are stored in them."""
