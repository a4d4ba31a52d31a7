"""Tiles of an image and what lies between them, against SciPy and NumPy."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from pydbcnn._blur_estimation.tiles import interpolate_tiles, tile_grid


@pytest.mark.parametrize("shape", [(1, 1), (32, 33), (100, 257), (640, 31)])
@pytest.mark.parametrize("tile_size", [32, 50, np.int64(128), 10**6])
def test_tiles_cover_the_image_once(shape, tile_size):
    covered = np.zeros(shape, int)
    rows, columns = tile_grid(shape, tile_size)
    for down in rows:
        for across in columns:
            covered[down, across] += 1
    assert (covered == 1).all()
    for parts, size in zip((rows, columns), shape, strict=True):
        sides = [part.stop - part.start for part in parts]
        assert max(sides) <= tile_size
        assert max(sides) - min(sides) <= 1
        assert len(parts) == np.ceil(size / tile_size)


@pytest.mark.parametrize("tile_size", [31, 0, -64, 64.0, "64", True, None])
def test_bad_tile_sizes_are_named(tile_size):
    with pytest.raises(ValueError, match=f"tile_size={tile_size!r}.*at least 32"):
        tile_grid((100, 100), tile_size)


@pytest.mark.parametrize("n_tiles", [(1, 1), (1, 3), (4, 1), (3, 5)])
def test_interpolation_is_that_of_scipy(n_tiles):
    """It is linear between the centres of tiles, and constant beyond them."""
    values = np.random.RandomState(0).uniform(size=n_tiles)
    side = 7
    height, width = (n * side for n in n_tiles)
    places = np.mgrid[:height, :width] / side + (0.5 / side - 0.5)
    expected = map_coordinates(values, places, order=1, mode="nearest")
    result = interpolate_tiles(
        values, (height, width), slice(0, height), slice(0, width)
    )
    np.testing.assert_allclose(result, expected, rtol=1e-12)


def test_interpolation_goes_through_the_centres_of_uneven_tiles():
    """The edges of tiles are rounded, so that a centre may be half a pixel off."""
    shape = (40, 107)
    columns = tile_grid(shape, 32)[1]
    values = np.array([[1.0, 3.0, 2.0, 5.0]])
    centres = [(part.start + part.stop - 1) / 2 for part in columns]
    expected = np.interp(np.arange(shape[1]), centres, values[0])
    result = interpolate_tiles(values, shape, slice(0, 40), slice(0, 107))
    steepest = 3.0 / (107 / 4)  # a pixel
    np.testing.assert_allclose(result, np.tile(expected, (40, 1)), atol=0.51 * steepest)


def test_parts_are_those_of_the_whole():
    values = np.random.RandomState(1).uniform(size=(3, 4))
    shape = (90, 130)
    whole = interpolate_tiles(values, shape, slice(0, 90), slice(0, 130))
    for rows in (slice(0, 1), slice(13, 70), slice(64, 90)):
        for columns in (slice(0, 64), slice(128, 130)):
            np.testing.assert_array_equal(
                interpolate_tiles(values, shape, rows, columns), whole[rows, columns]
            )
