"""How large images are cut into bands, so that memory stays bounded.

A band is computed by one step of a network after the other: the filter, the three
layers, each back-projection and the combination. The image between two steps has to fit
a buffer. Nothing here touches a device.
"""

from .arrays import Region

BUFFER_BYTES = 2**25  # of all buffers together
# Pixels across a band. In buffers of fixed size, wider bands have fewer rows, and more
# of these are halo, which is computed twice: three quarters in a wide colour image.
_WIDEST = 1024
_LEAST = 64  # rows of a band, even if their buffers are larger than BUFFER_BYTES


def n_buffers(network):
    """How many buffers of float32 a network has between its steps at once."""
    filtered = network.filter_size > 1
    # Of a back-projection: the estimate before and after it, and x - K * s.
    estimates = 3 if network.n_back_projections else int(network.combine)
    return filtered + estimates


def bands(network, n, height, width):
    """Cut n images into bands, which are estimated one after the other.

    Parameters
    ----------
    network : Network
    n, height, width : int

    Yields
    ------
    images : slice
        The images of the band.
    region : Region
        The pixels of the band, in each of these images.
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
