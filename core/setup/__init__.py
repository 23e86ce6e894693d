"""From a fresh copy of EdgePress to a running app, mostly on a bare Python: environments, packages, launcher."""
