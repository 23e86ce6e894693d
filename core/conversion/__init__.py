"""The steps that all targets of one job share, each done once."""
