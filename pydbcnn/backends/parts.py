"""How a length is split into parts that are computed one after the other."""


def even_part(total, most):
    """Size of the parts when `total` is split into the fewest parts of `most`."""
    n_parts = -(-total // most)
    return -(-total // n_parts)
