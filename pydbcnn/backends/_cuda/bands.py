"""Bands of images that are computed together, in bounded memory between two steps.

Nothing here touches a device.
"""

from .arrays import Region

BUFFER_BYTES = 2**25  # of all buffers between the steps, together
# Pixels. Wider bands would have fewer rows, and what the back-projections see around
# them is computed twice: of a wide band of colours, three quarters of all rows.
_WIDEST = 1024
_LEAST = 64  # rows, whatever their buffers take


def n_buffers(network):
    """Images of single precision that lie between the steps of a network at once."""
    filtered = network.filter_size > 1
    # The estimate before and after a back-projection, and what it misses.
    estimates = 3 if network.n_back_projections else int(network.combine)
    return filtered + estimates


def bands(network, n, height, width):
    """Parts of n images that are estimated one after the other.

    Parameters
    ----------
    network : Network
    n, height, width : int

    Yields
    ------
    images : slice
        Which of them.
    region : Region
        Of those.
    """
    buffers = n_buffers(network)
    if buffers == 0:
        yield slice(0, n), Region(n, 0, 0, height, width)
        return
    margin = network.radius
    columns = min(width, _WIDEST)
    bytes_a_row = 4 * network.n_channels_out * buffers * (columns + 2 * margin)
    most = BUFFER_BYTES // bytes_a_row
    n_together = max(1, min(n, most // (height + 2 * margin)))
    rows = height if n_together > 1 else min(height, max(_LEAST, most - 2 * margin))
    for first in range(0, n, n_together):
        images = slice(first, min(n, first + n_together))
        for top in range(0, height, rows):
            for left in range(0, width, columns):
                yield (
                    images,
                    Region(
                        images.stop - images.start,
                        top,
                        left,
                        min(rows, height - top),
                        min(columns, width - left),
                    ),
                )
