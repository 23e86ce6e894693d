"""Everything of EdgePress that works without a screen."""
