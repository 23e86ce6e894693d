"""8 bit: calibration, observers, GPTQ, sensitivity analysis, and the writing of quantised models."""
