"""The C engines: one source, compiled for each instruction set, and its bindings."""
