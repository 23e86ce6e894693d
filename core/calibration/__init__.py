"""Find the ranges that 8-bit numbers have to cover, picture by picture, in constant memory."""
