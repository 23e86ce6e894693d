"""Conversion steps that the targets of one job share: the prepared model, reference samples, calibration inputs."""
