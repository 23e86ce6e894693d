"""What is fed to a model: images, arrays, synthetic samples, augmentations, and the preprocessing they need."""
