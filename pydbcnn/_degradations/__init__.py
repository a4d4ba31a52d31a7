"""What happens to photographs besides a Gaussian blur: one transformer a module."""
