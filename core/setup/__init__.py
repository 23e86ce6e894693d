"""From a fresh copy of EdgePress to a running app: environments, packages, the launcher; on a bare Python."""
