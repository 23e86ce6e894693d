"""fp16: which nodes may compute in it, and how weights are stored in it."""
