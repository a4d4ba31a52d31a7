"""Pixels in memory: what counts as images, where they lie, and their values."""
