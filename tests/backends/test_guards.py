"""The engine touches nothing but its arrays.

Each array lies in the middle of a larger one: what is read outside changes the result,
and what is written outside changes the rest of the larger one. A script then runs the
engine on arrays at the edge of memory.
"""

import subprocess
import sys

import guarded
import numpy as np
import pytest
from guarded import BACKENDS, NETWORKS, SIZES

MARGIN = 2
# Tiles and bands begin at multiples of 4, which engines may rely on. Most tiles at
# the right and lower border are smaller than the others.
TILES = [(4, 4), (8, 20), (32, 8), (128, 128)]
LOWEST_AND_HIGHEST = {
    "uint8": (0, 255),
    "uint16": (0, 65535),
    "float32": (np.nan,),
    "float64": (np.nan,),
}

engines = pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)
networks = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


def within(array, fill):
    """A copy of an array in the middle of a larger one, and the larger one."""
    around = np.full([side + 2 * MARGIN for side in array.shape], fill, array.dtype)
    inside = around[(slice(MARGIN, -MARGIN),) * array.ndim]
    inside[...] = array
    return inside, around


def in_line(array, fill):
    """The same for an array that must be contiguous: values before and behind it."""
    n_around = 256
    around = np.full(array.size + 2 * n_around, fill, array.dtype)
    inside = around[n_around:-n_around].reshape(array.shape)
    inside[...] = array
    return inside, around


def assert_forward_stays_inside(backend, network, dtype, size, tile, fill):
    """What lies around the arrays neither changes the result, nor is changed by it."""
    params, images = guarded.params_of(network), guarded.images_of(network, dtype, size)
    expected = guarded.output_like(network, images)
    guarded.forward(backend, network, params, images, expected, tile=tile)
    assert ((expected > 0) & (expected < guarded.HIGHEST[dtype])).all()

    params, all_params = in_line(params, np.nan)
    images, all_images = within(images, fill)
    output, all_output = within(np.full_like(expected, fill), fill)
    before = all_params.tobytes(), all_images.tobytes()
    guarded.forward(backend, network, params, images, output, tile=tile)
    assert (all_params.tobytes(), all_images.tobytes()) == before
    assert all_output.tobytes() == within(expected, fill)[1].tobytes()


@engines
@networks
@pytest.mark.parametrize("dtype", LOWEST_AND_HIGHEST)
def test_forward_touches_nothing_around_the_images(backend, network, dtype):
    for number, size in enumerate(SIZES):
        for fill in LOWEST_AND_HIGHEST[dtype]:
            tile = TILES[number % len(TILES)]
            assert_forward_stays_inside(backend, network, dtype, size, tile, fill)


@engines
@networks
@pytest.mark.parametrize("tile", TILES, ids=str)
def test_no_tile_touches_what_lies_around(backend, network, tile):
    assert_forward_stays_inside(backend, network, "float32", (21, 27), tile, np.nan)


@engines
@networks
def test_a_band_leaves_the_other_rows(backend, network):
    """The band reads its context from these rows, but does not write them."""
    params = guarded.params_of(network)
    images = guarded.images_of(network, "float32", (21, 27))
    whole, band = (guarded.output_like(network, images) for _ in range(2))
    band[...] = np.nan
    guarded.forward(backend, network, params, images, whole, tile=(4, 8))
    guarded.forward(backend, network, params, images, band, tile=(4, 8), rows=(8, 16))
    whole[:, :8] = whole[:, 16:] = np.nan
    assert band.tobytes() == whole.tobytes()


@engines
@networks
def test_threads_touch_nothing_around_their_tiles(backend, network):
    params = guarded.params_of(network)
    images = guarded.images_of(network, "float32", (21, 27))
    expected = guarded.output_like(network, images)
    guarded.forward(backend, network, params, images, expected, tile=(4, 8))
    output, around = within(expected * np.nan, np.nan)
    guarded.forward(backend, network, params, images, output, tile=(4, 8), n_threads=3)
    assert around.tobytes() == within(expected, np.nan)[1].tobytes()


@engines
@networks
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_training_touches_nothing_around_its_arrays(backend, network, size):
    inputs = [guarded.params_of(network), *guarded.patches_of(network, size)]
    guards = [in_line(array, np.nan) for array in inputs]
    before = [around.tobytes() for _, around in guards]
    for block, n_groups in [((64, 64), 1), ((4, 8), 2)]:
        options = dict(block=block, n_groups=n_groups)
        expected = np.zeros_like(inputs[0])
        squares = guarded.train(backend, network, *inputs, expected, **options)
        assert np.isfinite(expected).all()

        gradient, around = in_line(expected * np.nan, np.nan)
        guarded_inputs = [inside for inside, _ in guards]
        assert squares == guarded.train(
            backend, network, *guarded_inputs, gradient, **options
        )
        assert around.tobytes() == in_line(expected, np.nan)[1].tobytes()
        assert [around.tobytes() for _, around in guards] == before


def run_guarded(*arguments):
    return subprocess.run(
        [sys.executable, "-P", guarded.__file__, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("name", BACKENDS)
def test_arrays_at_the_edge_of_memory(name):
    """A vector that is read or written past an end would end the process."""
    result = run_guarded(name)
    assert result.returncode == 0, (result.stdout[-200:], result.stderr)


@pytest.mark.parametrize("where", ["before", "behind"])
def test_the_edge_of_memory_is_one(where):
    result = run_guarded("too-far", where)
    assert result.stdout == "reading\n"
    assert result.returncode != 0
