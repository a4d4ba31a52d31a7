"""Where the arithmetic happens. This is the only place that chooses a backend."""
