"""How far the outputs of one model stray from another's, accumulated in constant memory."""
