"""Known blurs of every kind, undone: against SciPy, which has made them."""

import cv2
import numpy as np
import pytest
from blur_models import SIGMA_RANGE, deblurrer_by_filter, deblurrer_that_sees
from scipy.ndimage import convolve

from pydbcnn import Blur, DBCNNDeblurrer, Noise
from pydbcnn._pixels.values import as_pixels
from pydbcnn._restoration.varying import BlurTiles
from pydbcnn.backends.reference import ReferenceBackend
from pydbcnn.datasets import load_sample_images

WHITE = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0, "float64": 1.0}
LOPSIDED = np.array(
    [
        [0.0, 0.0, 0.0, 0.05, 0.0],
        [0.0, 0.0, 0.1, 0.1, 0.1],
        [0.0, 0.3, 0.2, 0.0, 0.0],
        [0.05, 0.1, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0],
    ]
)
BLURS = {
    "round": Blur.gaussian(1.5),
    "elliptic": Blur.gaussian(2.5, 0.8, 30),
    "defocus": Blur.defocus(2.5),
    "motion": Blur.motion(7, 20),
    "lopsided": Blur.from_kernel(LOPSIDED),
}
MOTION, DEFOCUS = BLURS["motion"], BLURS["defocus"]


@pytest.fixture(scope="module")
def photo():
    """Greys of a photograph between 0 and 1, without any white."""
    colours = load_sample_images()[0][100:220, 200:340]
    return 0.95 * colours.mean(axis=2) / 255


@pytest.fixture(scope="module")
def by_filter():
    return deblurrer_by_filter()


@pytest.fixture(scope="module")
def learned():
    """Layers with random weights behind the filter."""
    return deblurrer_that_sees(None)


@pytest.fixture(scope="module")
def wide():
    """One texture of more than two blocks of 256 pixels, as a batch."""
    return np.random.RandomState(0).uniform(0.1, 0.9, size=(1, 40, 600))


def blurred_by_scipy(sharp, blur, noise=0.5):
    """With normal noise in levels."""
    blurred = convolve(sharp, blur.kernel(), mode="mirror")
    return blurred + noise / 255 * np.random.RandomState(0).normal(size=sharp.shape)


def psnr(image, sharp):
    """Within 20 pixels from the border, where what lies beyond does not count."""
    difference = (image - sharp)[20:-20, 20:-20]
    return -10 * np.log10(np.mean(difference**2))


# ------------------------------------------------------------------ what SciPy blurred


@pytest.mark.parametrize("noise", [None, 0.5])
@pytest.mark.parametrize("name", BLURS)
def test_a_known_blur_is_undone(by_filter, photo, name, noise):
    blurred = blurred_by_scipy(photo, BLURS[name])
    (restored,) = by_filter.predict([blurred], blur=BLURS[name], noise=noise)
    assert psnr(restored, photo) > psnr(blurred, photo) + 1.5
    (kernel,) = by_filter.predict([blurred], blur=BLURS[name].kernel(), noise=noise)
    assert psnr(kernel, photo) == pytest.approx(psnr(restored, photo), abs=0.3)


@pytest.mark.parametrize("name", ["elliptic", "motion", "lopsided"])
def test_a_blur_in_another_direction_is_not(by_filter, photo, name):
    blur = BLURS[name]
    blurred = blurred_by_scipy(photo, blur)
    turned = np.rot90(blur.kernel())
    (right,) = by_filter.predict([blurred], blur=blur, noise=0.5)
    (wrong,) = by_filter.predict([blurred], blur=turned, noise=0.5)
    assert psnr(right, photo) > psnr(wrong, photo) + 3


@pytest.mark.parametrize("kernel", [LOPSIDED, LOPSIDED[::-1], LOPSIDED.T])
def test_a_lopsided_kernel_does_not_shift_the_image(by_filter, photo, kernel):
    """The blurred image is where the centroid is; what is undone is where it was."""
    blur = Blur.from_kernel(kernel)
    blurred = blurred_by_scipy(photo, blur)
    (restored,) = by_filter.predict([blurred], blur=blur, noise=0.5)
    inner = np.s_[20:-20, 20:-20]
    window = cv2.createHanningWindow(photo[inner].shape[::-1], cv2.CV_64F)
    shift, _ = cv2.phaseCorrelate(photo[inner], restored[inner], window)
    np.testing.assert_allclose(shift, 0, atol=0.05)
    (mirrored,) = by_filter.predict([blurred], blur=kernel[::-1, ::-1], noise=0.5)
    assert psnr(restored, photo) > psnr(mirrored, photo) + 3


def test_noise_that_is_told_is_not_amplified(by_filter, photo):
    blurred = blurred_by_scipy(photo, MOTION, noise=6)
    (told,) = by_filter.predict([blurred], blur=MOTION, noise=6)
    (not_told,) = by_filter.predict([blurred], blur=MOTION)
    assert psnr(told, photo) > psnr(blurred, photo) > psnr(not_told, photo)


def test_a_blur_tells_its_noise(by_filter, photo):
    blurred = [blurred_by_scipy(photo, DEFOCUS)]
    noise = Noise.white(3)
    noisy = Blur.defocus(2.5, noise=noise, confidence=0.7)
    expected = by_filter.predict(blurred, blur=DEFOCUS, noise=noise)[0]
    told = by_filter.predict(blurred, blur=noisy)[0]
    np.testing.assert_array_equal(told, expected)
    assert np.abs(expected - by_filter.predict(blurred, blur=DEFOCUS)[0]).max() > 0.01
    other = by_filter.predict(blurred, blur=noisy, noise=0.5)[0]
    assert not np.array_equal(other, told)


def test_sigma_is_short_for_a_round_gaussian(learned, wide):
    for sigma in (0.5, 1.23, 2.9):
        np.testing.assert_array_equal(
            learned.predict(wide, sigma),
            learned.predict(wide, blur=Blur.gaussian(sigma)),
        )


@pytest.mark.parametrize("noise", [None, 1.0])
def test_a_sigma_that_was_not_learned_counts_as_the_nearest(learned, wide, noise):
    low, high = SIGMA_RANGE
    for sigma, nearest in ((0.31, low), (9.0, high), (500.0, high), (1.2345, 1.23)):
        np.testing.assert_array_equal(
            learned.predict(wide, sigma, noise=noise),
            learned.predict(wide, nearest, noise=noise),
        )


@pytest.mark.parametrize("blur", [Blur.none(), Blur.unknown(), Blur.defocus(0.4)])
@pytest.mark.parametrize("dtype", WHITE)
def test_what_is_sharp_stays_to_the_bit(learned, wide, blur, dtype):
    batch = as_pixels(wide * WHITE[dtype], dtype)
    result = learned.predict(batch, blur=blur)
    assert result.tobytes() == batch.tobytes()


# ----------------------------------------------------------------------------- strength


@pytest.mark.parametrize("dtype", WHITE)
def test_strength_0_is_the_image_to_the_bit(learned, fitted, wide, dtype):
    batch = as_pixels(wide * WHITE[dtype], dtype)
    for blur in (MOTION, [np.array([[MOTION, DEFOCUS]])]):
        result = learned.predict(batch, blur=blur, noise=1, strength=0)
        assert result.tobytes() == batch.tobytes()
    colours = np.repeat(batch[..., np.newaxis], 3, axis=3)
    assert fitted.predict(colours, strength=0).tobytes() == colours.tobytes()


@pytest.mark.parametrize("strength", [0.5, 1.5, 2.0])
@pytest.mark.parametrize("tiles", [False, True])
def test_strength_goes_from_the_image_towards_the_estimate(
    learned, wide, strength, tiles
):
    blur = [np.array([[MOTION, DEFOCUS, Blur.none()]])] if tiles else MOTION
    estimate = learned.predict(wide, blur=blur)
    result = learned.predict(wide, blur=blur, strength=strength)
    expected = (1 - strength) * wide + strength * estimate
    np.testing.assert_allclose(result, expected, atol=1e-6)
    nearly = learned.predict(wide, blur=blur, strength=1 + 1e-6)
    np.testing.assert_allclose(nearly, estimate, atol=2e-5)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_integers_are_rounded_once(learned, wide, dtype):
    batch = as_pixels(wide * WHITE[dtype], dtype)
    result = learned.predict(batch, blur=MOTION, strength=1.5)
    estimate = learned.predict(batch / WHITE[dtype], blur=MOTION)
    expected = WHITE[dtype] * (1.5 * estimate - 0.5 * batch / WHITE[dtype])
    distance = np.abs(result - expected.clip(0, WHITE[dtype]))
    assert distance.max() < 0.5 + 1e-5 * WHITE[dtype]


def test_strength_of_weights_for_every_blur(fitted, blurred):
    images = blurred / 255.0
    estimate = fitted.predict(images)
    np.testing.assert_allclose(
        fitted.predict(images, strength=0.5), (images + estimate) / 2, atol=1e-6
    )


# -------------------------------------------------------------------------------- tiles


@pytest.mark.parametrize("noise", [None, 2.0])
@pytest.mark.parametrize("name", BLURS)
def test_equal_tiles_are_the_one_blur(learned, wide, name, noise):
    tiles = np.full((2, 3), BLURS[name], object)
    tiled = learned.predict(wide, blur=[tiles], noise=noise)
    one = learned.predict(wide, blur=BLURS[name], noise=noise)
    np.testing.assert_allclose(tiled, one, atol=1e-5)
    assert np.abs(one - wide).max() > 0.01


def shares_of(n_tiles, size):
    """In the middle of its side, a tile is alone; then it fades out linearly."""
    places = ((np.arange(size) + 0.5) * n_tiles / size).clip(0.5, n_tiles - 0.5)
    return np.array(
        [
            np.interp(places, i + np.array([-0.125, 0.125, 0.875, 1.125]), [0, 1, 1, 0])
            for i in range(n_tiles)
        ]
    )


def test_different_tiles_are_blended_without_seams(learned):
    ramp = np.tile(np.linspace(0.1, 0.9, 600), (1, 40, 1))
    tiles = np.array([[MOTION, DEFOCUS, Blur.none()], [DEFOCUS, MOTION, MOTION]])
    (result,) = learned.predict(ramp, blur=[tiles])
    estimates = {blur: learned.predict(ramp, blur=blur)[0] for blur in set(tiles.flat)}
    down, across = shares_of(2, 40), shares_of(3, 600)
    expected = sum(
        np.outer(down[row], across[column]) * estimates[blur]
        for (row, column), blur in np.ndenumerate(tiles)
    )
    np.testing.assert_allclose(result, expected, atol=1e-5)
    every = np.stack(list(estimates.values()))
    fading = np.ptp(every, axis=0).max() * 4 * 3 / 600  # over a quarter of a tile
    for axis in (0, 1):
        largest = np.abs(np.diff(every, axis=1 + axis)).max()
        steps = 4 * 2 / 40 * np.ptp(every, axis=0).max() if axis == 0 else fading
        assert np.abs(np.diff(result, axis=axis)).max() < largest + steps + 1e-6


def test_the_photograph_is_told_from_the_blurs_of_all_its_tiles(by_filter, photo):
    """One of 4 has moved: its filter is not made for a photograph that all has."""
    random_state = np.random.RandomState(1)
    image = photo + 2 / 255 * random_state.normal(size=photo.shape)
    image[:60, :70] = blurred_by_scipy(photo, MOTION, noise=2)[:60, :70]
    tiles = np.array([[MOTION, Blur.none()], [Blur.none(), Blur.none()]])
    (result,) = by_filter.predict([image], blur=[tiles], noise=2)
    middle = np.s_[:34, :40]
    before, after = (np.std((each - photo)[middle]) for each in (image, result))
    assert after < 0.9 * before


@pytest.mark.parametrize("sigma", [0.6, 1.0, 2.0])
def test_a_constant_map_is_one_sigma_with_noise_as_well(by_filter, photo, sigma):
    blurred = blurred_by_scipy(photo, Blur.gaussian(sigma), noise=2)
    (one,) = by_filter.predict([blurred], sigma, noise=2)
    (tiles,) = by_filter.predict([blurred], [np.full((2, 3), sigma)], noise=2)
    assert np.abs(tiles - one).max() < 0.05 * np.abs(one - blurred).max()


@pytest.mark.parametrize("shape", [(40, 600), (300, 270), (1, 1), (3, 4)])
@pytest.mark.parametrize("n_tiles", [(1, 1), (2, 3), (5, 7)])
def test_shares_add_up_to_1(shape, n_tiles):
    random_state = np.random.RandomState(0)
    tiles = random_state.choice([MOTION, DEFOCUS, Blur.none()], size=n_tiles)
    mixture = BlurTiles(tiles, shape)
    total = np.zeros(shape)
    for top in range(0, shape[0], 128):
        for left in range(0, shape[1], 256):
            part = slice(top, top + 128), slice(left, left + 256)
            part = tuple(
                slice(p.start, min(p.stop, size))
                for p, size in zip(part, shape, strict=True)
            )
            for index, rows, columns, share in mixture.shares(*part):
                assert 0 <= index < len(mixture.blurs)
                assert share.min() >= 0
                total[rows, columns] += share
    np.testing.assert_allclose(total, 1, atol=1e-12)


def test_tiles_that_differ_in_confidence_are_computed_once():
    tiles = [[Blur.defocus(2, confidence=c) for c in (0.1, 0.5, 0.9)]]
    assert BlurTiles(np.array(tiles), (30, 90)).blurs == [Blur.defocus(2)]


@pytest.mark.parametrize("dtype", WHITE)
@pytest.mark.parametrize(
    "kept", [Blur.none(), Blur.unknown(confidence=1), Blur.defocus(0.4)]
)
def test_tiles_without_a_blur_stay_to_the_bit(learned, wide, dtype, kept):
    batch = as_pixels(wide * WHITE[dtype], dtype)
    (result,) = learned.predict(batch, blur=[[[MOTION, kept]]])
    np.testing.assert_array_equal(result[:, 375:], batch[0, :, 375:])
    assert np.all((result[:, :300] != batch[0, :, :300]).mean(axis=0) > 0.1)
    both = learned.predict(batch, blur=[[[kept, Blur.none()]]])
    assert both.tobytes() == batch.tobytes()


# ---------------------------------------------------------- many images, score and ONNX


def test_images_of_a_batch_are_what_each_is_alone(learned, wide):
    images = [wide[0, :30, :50], wide[0, :, 300:], wide[0, :30, 50:100], wide[0]]
    blurs = [MOTION, [[DEFOCUS, MOTION]], LOPSIDED, Blur.none()]
    noises = [None, 2.0, Noise.white(0.5), 1.0]
    masks = [np.zeros(image.shape, bool) for image in images]
    masks[0][10, 10:14] = True
    together = learned.predict(images, blur=blurs, noise=noises, clipped=masks)
    for image, blur, noise, mask, expected in zip(
        images, blurs, noises, masks, together, strict=True
    ):
        (alone,) = learned.predict([image], blur=[blur], noise=[noise], clipped=[mask])
        np.testing.assert_array_equal(alone, expected)


def test_score_is_that_of_predict_with_the_same_keywords(by_filter, photo):
    blurred = [blurred_by_scipy(photo, MOTION, noise=2)]
    scores = set()
    for how in (
        dict(sigma=1.0),
        dict(blur=MOTION),
        dict(blur=MOTION, noise=2),
        dict(blur=MOTION, noise=2, strength=0.6),
        dict(blur=[[[MOTION, DEFOCUS]]], noise=2),
        dict(blur=MOTION, clipped=[blurred[0] > 0.6]),
    ):
        (estimate,) = by_filter.predict(blurred, **how)
        expected = -10 * np.log10(np.mean((estimate - photo) ** 2))
        score = by_filter.score(blurred, [photo], **how)
        assert score == pytest.approx(expected, abs=1e-6)
        scores.add(round(score, 6))
    assert len(scores) == 6
    with pytest.raises(TypeError, match="sharpness"):
        by_filter.score(blurred, [photo], sharpness=1)


@pytest.mark.parametrize("blur", [MOTION, LOPSIDED, Blur.gaussian(1.3)])
def test_onnx_runtime_computes_the_model_for_a_blur(learned, wide, tmp_path, blur):
    runtime = pytest.importorskip("onnxruntime")
    path = tmp_path / "model.onnx"
    images = wide[..., :90, np.newaxis].astype(np.float32)
    for noise in (None, 3.0):
        learned.to_onnx(path, blur=blur, noise=noise, overwrite=True)
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (restored,) = session.run(None, {"blurred": images})
        kind = blur if isinstance(blur, Blur) else Blur.from_kernel(blur)
        white = None if noise is None else Noise.white(noise)
        network, params = learned._weights.at(learned._params(), kind, white)
        expected = ReferenceBackend().forward(network, params, images, data_range=1.0)
        np.testing.assert_allclose(restored, expected, atol=2e-5)
        if noise is None:
            estimate = learned.predict(images, blur=blur)
            np.testing.assert_allclose(restored, estimate, atol=2e-5)


def test_onnx_models_are_for_one_known_blur(learned, fitted, tmp_path):
    path = tmp_path / "model.onnx"
    for model, given, message in (
        (learned, {}, "pass sigma"),
        (learned, dict(blur=[[[MOTION, DEFOCUS]]]), "one blur|pass a|of tiles"),
        (learned, dict(blur=MOTION, sigma=1.0), "pass one of them"),
        (learned, dict(blur=Blur.defocus(60)), "121 x 121"),
        (fitted, dict(blur=MOTION), "same for every blur"),
        (fitted, dict(noise=1.0), "same for every blur"),
    ):
        with pytest.raises(ValueError, match=message):
            model.to_onnx(path, **given)
    assert not path.exists()


def test_a_model_that_ships_takes_a_known_blur(photo):
    """The layers add to what the filter does, for kinds that are not round as well."""
    model = DBCNNDeblurrer.from_pretrained("mild-fast")
    for name in ("elliptic", "defocus", "motion"):
        blurred = blurred_by_scipy(photo, BLURS[name])
        (restored,) = model.predict([blurred], blur=BLURS[name], noise=0.5)
        assert psnr(restored, photo) > psnr(blurred, photo) + 3
