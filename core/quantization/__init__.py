"""8 bit: calibration, observers, GPTQ, sensitivity, and the writing of quantized models."""
