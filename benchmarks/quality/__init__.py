"""The comparison of quality: what `make evaluate` measures and shows."""
