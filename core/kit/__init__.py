"""Deployment kits: a finished file with everything that is needed to use it elsewhere, and examples that prove it."""
