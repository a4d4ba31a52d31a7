"""How much of a batch is computed at a time, so that its maps fit some memory."""

from ..base import even_part
from .arrays import Region

_FLOAT = 4  # bytes


def chunks(region, maps, budget):
    """Cut a region into parts, from its shape and that of the maps alone.

    Parameters
    ----------
    region : Region
    maps : list of (int, int)
        Channels of each map, and by how many pixels on every side it reaches beyond
        the part.
    budget : int
        Bytes that the maps of a part may have. A part has at least one pixel.

    Yields
    ------
    first : int
        The first image of the part.
    part : Region
        Its images count from that one.
    """
    height, width = _part_size(region, maps, budget)
    n_images = min(region.n, max(1, budget // map_bytes(maps, height, width)))
    for first in range(0, region.n, n_images):
        n = min(n_images, region.n - first)
        for top in range(0, region.height, height):
            for left in range(0, region.width, width):
                yield (
                    first,
                    Region(
                        n,
                        region.top + top,
                        region.left + left,
                        min(height, region.height - top),
                        min(width, region.width - left),
                    ),
                )


def map_bytes(maps, height, width):
    """Bytes of the maps of one image."""
    return _FLOAT * sum(
        channels * (height + 2 * margin) * (width + 2 * margin)
        for channels, margin in maps
    )


def _part_size(region, maps, budget):
    """Height and width of the parts: squares, or strips where the region is one."""

    def fits(side):
        height, width = min(side, region.height), min(side, region.width)
        return map_bytes(maps, height, width) <= budget

    side, too_large = 1, max(region.height, region.width) + 1
    while too_large - side > 1:
        middle = (side + too_large) // 2
        side, too_large = (middle, too_large) if fits(middle) else (side, middle)
    return even_part(region.height, side), even_part(region.width, side)
