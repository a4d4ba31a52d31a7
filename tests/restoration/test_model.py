"""Images through weights that depend on the blur: blind, with a known blur, in tiles.

The models are made by hand, so that nothing depends on those that ship.
"""

from dataclasses import replace

import numpy as np
import pytest
from blur_models import (
    SIGMA_RANGE,
    deblurrer_that_sees,
    random_weights,
    regressor_that_says,
    restored,
)
from scipy.ndimage import gaussian_filter, map_coordinates, median_filter

from pydbcnn._blur_estimation.tiles import sigma_of_tiles, smoothed_over_tiles
from pydbcnn._pixels.values import as_pixels
from pydbcnn._restoration.given import check_sigmas
from pydbcnn._restoration.model import SHARP_BELOW, DeblurModel
from pydbcnn.backends.cpu import CpuBackend
from pydbcnn.backends.reference import ReferenceBackend

WHITE = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0, "float64": 1.0}


class FromBrightness:
    """Takes brightness for blur: the sigma of an image is 4 times its mean."""

    def sigma(self, image, data_range):
        return round(float(4 * image.mean() / data_range), 3)

    cautious_sigma = sigma  # it is never in doubt


@pytest.fixture(scope="module")
def backend():
    return CpuBackend()


@pytest.fixture(scope="module")
def model():
    return DeblurModel(*random_weights(), FromBrightness())


@pytest.fixture(scope="module")
def texture():
    """Greys that get brighter from left to right; blocks of 256 pixels divide them."""
    noise = np.random.RandomState(0).normal(scale=0.05, size=(40, 600, 1))
    return (0.1 + 0.5 * np.arange(600)[:, np.newaxis] / 600 + noise).clip(0, 1)


def as_batch(texture, dtype):
    return as_pixels(texture[np.newaxis] * WHITE[dtype], dtype)


# One blur for an image


@pytest.mark.parametrize("dtype", WHITE)
@pytest.mark.parametrize("sigma", [0.25, 0.77, 1.5, 9.0])
def test_a_known_blur_is_the_network_for_it(backend, model, texture, dtype, sigma):
    batch = as_batch(texture, dtype)
    done = []
    result = restored(
        model,
        backend,
        batch,
        data_range=WHITE[dtype],
        sigma=[sigma],
        on_pixels=done.append,
    )
    network, params = model.weights.at(model.params, sigma)
    expected = backend.forward(network, params, batch, data_range=WHITE[dtype])
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, expected)
    assert np.abs(result - batch.astype(float)).max() > 0.01 * WHITE[dtype]
    assert sum(done) == 40 * 600


@pytest.mark.parametrize("dtype", WHITE)
def test_images_that_are_sharp_come_back_bit_for_bit(backend, model, texture, dtype):
    batch = as_batch(texture, dtype)
    how = dict(data_range=WHITE[dtype])
    for sigma in (0.0, 0.19, np.zeros((2, 3))):
        done = []
        result = restored(
            model, backend, batch, sigma=[sigma], on_pixels=done.append, **how
        )
        assert result.tobytes() == batch.tobytes()
        assert sum(done) == 40 * 600
    dark = as_batch(texture * 0.3, dtype)
    assert 0.2 < model.estimate(dark[0], WHITE[dtype]) < SHARP_BELOW
    assert model.sigma_to_undo(dark[0], WHITE[dtype]) == 0
    assert restored(model, backend, dark, **how).tobytes() == dark.tobytes()
    darker = as_batch(texture * 0.15, dtype)
    result = restored(model, backend, darker, tile_size=40, **how)
    assert result.tobytes() == darker.tobytes()


def test_blind_is_the_sigma_that_is_estimated(backend, model, texture):
    """Each image gets its own estimate, whatever the batch."""
    bright, dark = texture, texture * 0.3
    batch = np.stack([bright, dark, 1.2 * bright**2]).astype(np.float32)
    sigmas = [model.estimate(image, 1.0) for image in batch]
    assert sigmas[1] < SHARP_BELOW < sigmas[2] < sigmas[0]
    result = restored(model, backend, batch, data_range=1.0)
    sigmas[1] = 0.0
    np.testing.assert_array_equal(
        result, restored(model, backend, batch, data_range=1.0, sigma=sigmas)
    )
    for how in ({}, {"tile_size": 64}):
        together = restored(model, backend, batch, data_range=1.0, **how)
        for image, expected in zip(batch, together, strict=True):
            alone = restored(model, backend, image[np.newaxis], data_range=1.0, **how)
            np.testing.assert_array_equal(alone[0], expected)


def test_weights_for_every_blur_need_no_sigma(backend, texture):
    weights, params = random_weights()
    plain = replace(weights, n_basis_functions=1, inverse_filter=False)
    plain = replace(plain, network=plain.learned)
    params = params[: plain.n_params]
    batch = as_batch(texture, "float32")
    np.testing.assert_array_equal(
        restored(DeblurModel(plain, params), backend, batch, data_range=1.0),
        backend.forward(plain.network, params, batch, data_range=1.0),
    )


def test_other_channels_out_than_in(backend):
    """Such a model cannot leave an image as it is, so even a sharp one is computed."""
    weights, _ = random_weights()
    network = replace(
        weights.network,
        n_channels_in=2,
        residual=False,
        n_back_projections=0,
        combine=False,
    )
    weights = replace(weights, network=network)
    params = weights.initial_params(np.random.RandomState(0))
    model = DeblurModel(weights, params)
    image = np.random.RandomState(1).uniform(size=(1, 20, 30, 2)).astype(np.float32)
    network, params = weights.at(params, SIGMA_RANGE[0])
    expected = backend.forward(network, params, image, data_range=1.0)
    for sigma in (0.0, np.zeros((1, 2))):
        result = restored(model, backend, image, data_range=1.0, sigma=[sigma])
        assert result.shape == (1, 20, 30, 1)
        np.testing.assert_allclose(result, expected, atol=1e-5)


# A blur that varies


def blend(model, backend, image, sigma, as_it_is, low):
    """All estimates for the whole image, mixed where sigma lies between theirs."""
    side = np.divide(image.shape[:2], sigma.shape)[:, np.newaxis, np.newaxis]
    places = (np.mgrid[: image.shape[0], : image.shape[1]] + 0.5) / side - 0.5
    local = map_coordinates(sigma, places, order=1, mode="nearest")
    highest = max(model.weights.sigma_range[1], 1.1 * low)
    ends = np.log([low, highest])
    n_steps = int(np.ceil((ends[1] - ends[0]) / np.log(1.1)))
    known = np.log([as_it_is, *np.exp(np.linspace(*ends, n_steps + 1))])
    estimates = [image.astype(float)]
    for level in known[1:]:
        network, params = model.weights.at(model.params, np.exp(level))
        estimates.append(
            backend.forward(network, params, image[np.newaxis], data_range=1.0)[0]
        )
    shares = [
        np.interp(np.log(np.maximum(local, 1e-9)), known, one)
        for one in np.eye(len(known))
    ]
    return sum(
        share[..., np.newaxis] * estimate
        for share, estimate in zip(shares, estimates, strict=True)
    )


MAPS = {
    "rising": np.linspace(0.0, 3.5, 10).reshape(1, 10),
    "down and across": np.array([[0.5, 2.0, 0.3], [3.0, 1.0, 2.5]]),
    "one tile": np.array([[1.3]]),
}


@pytest.mark.parametrize("name", MAPS)
def test_tiles_are_blended_without_seams(backend, model, texture, name):
    image = texture.astype(np.float32)
    result = restored(
        model, backend, image[np.newaxis], data_range=1.0, sigma=[MAPS[name]]
    )[0]
    expected = blend(model, backend, image, MAPS[name], 0.24, 0.3)
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_blocks_leave_no_trace_in_double_precision(model, texture):
    """The reference computes the same bits in every block: only sums are rounded."""
    image, sigma = texture[:12, 200:330], np.array([[0.9, 1.2]])
    reference = ReferenceBackend()
    result = restored(
        model, reference, image[np.newaxis], data_range=1.0, sigma=[sigma]
    )[0]
    expected = blend(model, reference, image, sigma, 0.24, 0.3)
    np.testing.assert_allclose(result, expected, atol=1e-13)


def test_estimated_tiles_are_known_tiles_without_outliers(backend, model, texture):
    """Each tile counts as the median of its neighbourhood, and sharp ones stay."""
    image = texture.astype(np.float32).copy()
    image[:, 400:440] = 1.0  # a flash
    result = restored(model, backend, image[np.newaxis], data_range=1.0, tile_size=40)
    sigma = sigma_of_tiles(model.regressor.sigma, image, 1.0, 40)
    assert sigma.shape == (1, 15)
    assert sigma[0, 10] == 4.0
    padded = np.pad(sigma, 1, mode="edge")
    medians = np.array(
        [[np.median(padded[:, column : column + 3]) for column in range(15)]]
    )
    assert medians.max() < 3
    expected = blend(model, backend, image, medians, SHARP_BELOW, 1.1 * SHARP_BELOW)
    np.testing.assert_allclose(result[0], expected, atol=1e-5)


@pytest.mark.parametrize("sigma", [0.31, 0.8, 1.73, 2.95, 5.0])
def test_a_constant_map_is_nearly_one_sigma(backend, model, texture, sigma):
    batch = as_batch(gaussian_filter(texture, (1, 1, 0)), "float32")
    one = restored(model, backend, batch, data_range=1.0, sigma=[sigma])
    tiles = restored(
        model, backend, batch, data_range=1.0, sigma=[np.full((2, 3), sigma)]
    )
    change = np.abs(one - batch).max()
    assert np.abs(tiles - one).max() < 0.03 * change


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_blends_are_rounded_once(backend, model, texture, dtype):
    batch = as_batch(texture, dtype)
    scale = WHITE[dtype]
    sigma = [MAPS["rising"]]
    result = restored(model, backend, batch, data_range=scale, sigma=sigma)
    exact = restored(
        model, backend, batch.astype(np.float64), data_range=scale, sigma=sigma
    )
    assert result.dtype == dtype
    distance = np.abs(result - exact.clip(0, scale))
    assert distance.max() < 0.5 + 1e-5 * scale


@pytest.mark.parametrize("sigma_range", [(0.3, 0.33), (0.3, 0.5), (1.0, 3.0)])
def test_ranges_that_do_not_hold_the_blur(backend, texture, sigma_range):
    """Sigmas outside count as the nearest end, in tiles as in whole images."""
    weights, params = random_weights(sigma_range=sigma_range)
    model = DeblurModel(weights, params, FromBrightness())
    batch = as_batch(0.2 + 0 * texture + texture, "float32")
    for sigma in (0.6, 4.0):
        network, plain = weights.at(params, min(max(sigma, sigma_range[0]), 3.0))
        expected = backend.forward(network, plain, batch, data_range=1.0)
        tiles = restored(
            model, backend, batch, data_range=1.0, sigma=[np.full((1, 2), sigma)]
        )
        change = np.abs(expected - batch).max()
        assert np.abs(tiles - expected).max() < 0.02 * change
    dark = 0.42 * batch  # some tiles look sharp, others do not
    sigma = model.estimate(dark[0], 1.0, 60)
    assert sigma.min() < SHARP_BELOW < sigma.max()
    blended = (sigma > SHARP_BELOW) & (sigma < 1.1 * SHARP_BELOW)
    assert blended.any()
    np.testing.assert_allclose(
        restored(model, backend, dark, data_range=1.0, tile_size=60)[0],
        blend(
            model,
            backend,
            dark[0],
            median_filter(sigma, 3),
            SHARP_BELOW,
            1.1 * SHARP_BELOW,
        ),
        atol=1e-5,
    )


def test_tiny_images_in_tiles(backend, model):
    for shape in ((1, 1), (1, 40), (3, 2)):
        image = np.full((1, *shape, 1), 0.4)
        for how in ({"tile_size": 32}, {"sigma": [np.array([[1.0, 2.0]])]}):
            result = restored(model, backend, image, data_range=1.0, **how)
            assert result.shape == image.shape
            assert np.isfinite(result).all()


# What a sigma is


def test_sigmas_are_understood():
    tiles = np.array([[1, 2], [3, 4]])
    assert check_sigmas(1, 3) == [1.0, 1.0, 1.0]
    assert check_sigmas(np.float32(0.5), 1) == [0.5]
    assert check_sigmas([0.5, 2], 2) == [0.5, 2.0]
    assert check_sigmas(np.array([0.5, 2.0]), 2) == [0.5, 2.0]
    mixed = check_sigmas([1.0, tiles, [[1.0, 2.0]]], 3)
    assert mixed[0] == 1.0
    np.testing.assert_array_equal(mixed[1], tiles)
    assert mixed[1].dtype == float
    assert mixed[2].shape == (1, 2)
    stack = check_sigmas(np.stack([tiles, tiles]), 2)
    np.testing.assert_array_equal(stack, [tiles, tiles])


@pytest.mark.parametrize(
    ("sigma", "message"),
    [
        ([1.0], r"sigma holds 1 value\(s\) for 2 image\(s\): pass one for all"),
        (np.ones((3, 2)), r"sigma holds 3 value\(s\) for 2"),
        (-1.0, "sigma=-1.0: expected the standard deviation"),
        (np.nan, "sigma=nan"),
        ([1.0, np.inf], "sigma=inf"),
        ([1.0, np.array([1.0, 2.0])], r"sigma=array\(\[1., 2.\]\).*two-dimensional"),
        ([np.array([[1.0, -2.0]]), 1.0], r"sigma=array\(\[\[ 1., -2.\]\]\)"),
        ([np.zeros((0, 2)), 1.0], "sigma=array"),
        ([[[1.0], [1.0, 2.0]], 1.0], r"sigma=\[\[1.0\], \[1.0, 2.0\]\]"),
        ("1.5", "sigma='1.5'"),
        ([None, 1.0], "sigma=None"),
        (True, "sigma=True"),
        (2j, "sigma=2j"),
    ],
)
def test_bad_sigmas_are_named(sigma, message):
    with pytest.raises(ValueError, match=message):
        check_sigmas(sigma, 2)


def test_the_estimator_takes_numbers_and_tiles_together(texture):
    deblurrer = deblurrer_that_sees(1.4)
    images = [texture[..., 0], texture[:20, :100, 0]]
    tiles = np.array([[1.0, 2.0]])
    both = deblurrer.predict(images, sigma=[tiles, 0.8])
    np.testing.assert_array_equal(
        both[0], deblurrer.predict(images[:1], sigma=[tiles])[0]
    )
    np.testing.assert_array_equal(both[1], deblurrer.predict(images[1:], sigma=0.8)[0])


def test_regressors_by_hand_say_what_they_should():
    """The tests of models that are made by hand rely on this."""
    noise = np.random.RandomState(0).uniform(size=(50, 50, 1))
    for sigma in (0.0, 0.45, 1.4):
        assert regressor_that_says(sigma).sigma(noise, 1.0) == pytest.approx(
            sigma, abs=1e-3
        )


def test_tiles_that_tell_nothing_silence_none():
    """A detailed tile among plain ones keeps its blur, and lends it to them."""
    alone = np.zeros((4, 5))
    np.testing.assert_array_equal(smoothed_over_tiles(alone), alone)
    alone[1, 2] = 1.7
    np.testing.assert_array_equal(smoothed_over_tiles(alone), np.full((4, 5), 1.7))
    two = np.zeros((1, 9))
    two[0, [0, 8]] = 1.0, 2.0
    np.testing.assert_allclose(smoothed_over_tiles(two)[0], [1, 1, *5 * [1.5], 2, 2])


def test_tiles_with_an_estimate_below_the_limit_stay_to_the_bit(backend, texture):
    weights, params = random_weights()
    just_below = DeblurModel(weights, params, regressor_that_says(0.59))
    batch = as_batch(texture, "float32")
    result = restored(just_below, backend, batch, data_range=1.0, tile_size=64)
    np.testing.assert_array_equal(result, batch)
