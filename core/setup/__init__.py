"""From a fresh copy of EdgePress to a running one, with nothing but Python's standard library."""
