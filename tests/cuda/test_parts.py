"""Into which parts work is cut, so that memory is bounded and processors are busy."""

import numpy as np
import pytest

from pydbcnn._network.network import Network
from pydbcnn.backends._cuda import bands as banding
from pydbcnn.backends._cuda import layers, training
from pydbcnn.backends._cuda.arrays import Region
from pydbcnn.backends._cuda.bands import bands, n_buffers
from pydbcnn.backends._cuda.chunks import chunks, map_bytes


@pytest.mark.parametrize(
    "region",
    [Region(1, 0, 0, 1, 1), Region(3, -2, 5, 9, 40), Region(5, 0, 0, 1, 300)],
)
@pytest.mark.parametrize("budget", [1, 3_000, 20_000, 10**9])
def test_chunks_are_a_partition_that_fits(region, budget):
    maps = [(5, 2), (3, 0)]
    seen = np.zeros(region[:1] + region[3:], int)
    for first, part in chunks(region, maps, budget):
        top, left = part.top - region.top, part.left - region.left
        rows, columns = (
            slice(top, top + part.height),
            slice(left, left + part.width),
        )
        seen[first : first + part.n, rows, columns] += 1
        n_bytes = part.n * map_bytes(maps, part.height, part.width)
        assert n_bytes <= budget or part.n_pixels == 1
    assert (seen == 1).all()


def test_parts_of_a_large_picture_are_large():
    """With 4096 filters or 24 megapixels, memory is bounded and little done twice."""
    for channels, most in ((4096, 2.0), (64, 1.1)):
        maps = [(channels, 2)]
        parts = [
            map_bytes(maps, part.height, part.width)
            for _, part in chunks(Region(1, 0, 0, 4000, 6000), maps, layers.MAPS_BUDGET)
        ]
        assert max(parts) <= layers.MAPS_BUDGET
        assert sum(parts) < most * 4 * channels * 4000 * 6000


def test_splits_of_a_gradient():
    splits = layers.gradient_splits
    assert splits(100, 2, 1000) == 1
    assert splits(2560, 2, 1000) == 10  # of 256 pixels or more
    assert splits(10**9, 2, 1000) == 256  # 512 blocks
    assert splits(10**9, 1, 2**20) == 8  # 32 MiB of partial sums
    assert splits(10**9, 10**6, 2**40) == 1


@pytest.mark.parametrize("n_outputs", [1, 4, 5, 16, 17, 64, 65, 4096])
def test_the_narrowest_tile_is_taken(n_outputs):
    tile = layers.tile_for(n_outputs)
    assert tile.columns >= min(n_outputs, 64)
    narrower = [other for other in layers.TILES if other.columns < tile.columns]
    assert all(other.columns < n_outputs for other in narrower)


@pytest.mark.parametrize(
    ("side", "n_slices"), [(1, 32), (3, 32), (5, 25), (9, 7), (17, 2), (25, 1)]
)
def test_slices_of_the_gradient_of_a_kernel_are_no_more_than_columns(side, n_slices):
    assert training.gradient_slices(side) == n_slices


LARGEST_COMMON = Network(3, 3, filter_size=25, n_back_projections=2, combine=True)


@pytest.mark.parametrize("size", [(1, 4000, 6000), (5, 512, 768), (3, 1, 20000)])
def test_bands_cover_all_pixels_in_bounded_memory(size):
    n_pixels = 0
    for images, region in bands(LARGEST_COMMON, *size):
        assert images.stop - images.start == region.n
        n_pixels += region.n_pixels
        around = region.grown(LARGEST_COMMON.radius)
        n_floats = 3 * around.n_pixels * n_buffers(LARGEST_COMMON)
        assert 4 * n_floats < 1.5 * banding.BUFFER_BYTES
    assert n_pixels == np.prod(size)


def test_bands_of_a_large_image_compute_little_twice():
    margin = LARGEST_COMMON.tail_radius
    regions = [region for _, region in bands(LARGEST_COMMON, 1, 4000, 6000)]
    computed = sum(region.grown(margin).n_pixels for region in regions)
    assert computed < 1.2 * 4000 * 6000
