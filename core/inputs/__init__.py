"""Model inputs: images, arrays, synthetic samples, augmentation, and the preprocessing of images."""
