"""The GPU engine beside PyTorch: what `make bench-gpu` measures and reports."""
