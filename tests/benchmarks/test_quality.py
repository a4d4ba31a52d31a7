"""The comparison of quality: photographs, the protocol, methods and measurements."""

import os
from functools import partial

import cv2
import numpy as np
import pytest
from image_samples import detail
from photo_samples import save_photo
from PIL import Image
from quality import measuring, methods, protocol
from quality.measuring import Score
from quality.photos import Photo, find_sets
from quality.times import calls
from quality.workers import workers
from scipy import ndimage
from skimage import color, restoration
from skimage.metrics import structural_similarity

from pydbcnn.backends.threads import thread_count
from pydbcnn.datasets import load_sample_images

# ---------------------------------------------------------------------- the photographs


def test_sets_are_the_subfolders_with_photographs_the_smallest_first(tmp_path):
    for name in ("A/1.png", "A/2.png", "B/1.png"):
        save_photo(tmp_path / name, detail())
    (tmp_path / "empty").mkdir()
    (tmp_path / "README.md").write_text("no set")
    sets = find_sets(tmp_path)
    assert {name: len(photos) for name, photos in sets.items()} == {"B": 1, "A": 2}
    assert list(sets) == ["B", "A"]
    assert [photo.name for photo in sets["A"]] == ["A/1.png", "A/2.png"]
    assert list(find_sets(tmp_path, ["A"])) == ["A"]


def test_what_is_wrong_with_a_folder_is_said(tmp_path):
    with pytest.raises(ValueError, match=r"no folder .*missing"):
        find_sets(tmp_path / "missing")
    with pytest.raises(ValueError, match=r"No subfolder of .* holds photographs"):
        find_sets(tmp_path)
    save_photo(tmp_path / "A" / "1.png", detail())
    with pytest.raises(ValueError, match=r"no set 'B' in .*: expected some of A\."):
        find_sets(tmp_path, ["A", "B"])


def test_photographs_are_read_as_8_bits(tmp_path):
    grey = np.arange(27 * 30, dtype=np.uint16).reshape(27, 30) * 80
    save_photo(tmp_path / "grey.png", grey)
    pixels = Photo("A", tmp_path / "grey.png").read()
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, grey // 257)
    save_photo(tmp_path / "small.png", detail(26, 40))
    with pytest.raises(
        ValueError, match=r"A/small\.png is 26 x 40 pixels.*at least 27"
    ):
        Photo("A", tmp_path / "small.png").read()


# ------------------------------------------------------------------------- the protocol


@pytest.mark.parametrize("sigma", [0.8, 2.4])
@pytest.mark.parametrize("pixels", [detail(), detail()[..., 0]], ids=["colour", "grey"])
def test_input_is_a_gaussian_blur_that_is_rounded(pixels, sigma):
    radius = int(np.ceil(4 * sigma))
    steps = np.arange(-radius, radius + 1)
    line = np.exp(-(steps**2) / (2 * sigma**2))
    line /= line.sum()
    expected = pixels.astype(float)
    for axis in (0, 1):
        expected = ndimage.correlate1d(expected, line, axis, mode="mirror")
    given = protocol.blurred(pixels, sigma, seed=0)
    assert given.dtype == np.uint8
    # Where single precision rounds the other way, a half is on the way.
    assert np.abs(given - expected).max() < 0.5001


def test_without_blur_the_input_is_the_sharp_photograph():
    assert np.array_equal(protocol.blurred(detail(), 0, seed=0), detail())


def test_noise_and_jpeg(tmp_path):
    sharp, sigma = detail(), 1.6
    size = (2 * 7 + 1,) * 2
    noisy = cv2.GaussianBlur(sharp.astype(np.float64), size, sigma)
    noisy += np.random.default_rng(5).normal(0, 1, sharp.shape)
    expected = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    Image.fromarray(expected).save(tmp_path / "a.jpg", quality=90)
    expected = np.array(Image.open(tmp_path / "a.jpg"))
    given = protocol.blurred_noisy_jpeg(sharp, sigma, seed=5)
    assert given.dtype == np.uint8
    assert np.mean(given != expected) < 0.01
    again = protocol.blurred_noisy_jpeg(sharp, sigma, seed=5)
    assert np.array_equal(given, again)
    assert not np.array_equal(given, protocol.blurred_noisy_jpeg(sharp, sigma, 6))
    grey = protocol.blurred_noisy_jpeg(sharp[..., 1], sigma, seed=5)
    assert grey.shape == sharp.shape[:2]


def test_scores_are_those_of_the_luminance_inside_the_border():
    sharp = detail()
    image = protocol.blurred(sharp, 1.2, seed=0)
    image[:8], image[:, -8:] = 0, 255  # of no effect
    weights = np.array([[299, 587, 114]]) / 1000
    true, pred = (
        (pixels.reshape(-1, 3) @ weights.T).reshape(pixels.shape[:2])[8:-8, 8:-8]
        for pixels in (sharp, image)
    )
    psnr, ssim = protocol.score(sharp, image)
    # OpenCV's takes 8 bits alone, but gives the same for a difference of floats.
    mean_square = cv2.norm(true - pred, cv2.NORM_L2SQR) / true.size
    assert psnr == pytest.approx(10 * np.log10(255**2 / mean_square))
    expected = structural_similarity(
        true,
        pred,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim == pytest.approx(expected)


def test_luminance_can_be_scored_beside_colours():
    sharp = detail()
    luminance = np.rint(255 * color.rgb2gray(sharp)).astype(np.uint8)
    true = protocol.to_8_bits(255 * protocol.plane(sharp))
    assert protocol.score(sharp, true)[0] > 55  # rounding alone
    assert protocol.score(sharp, luminance)[0] < 50  # by other weights


def test_any_pixel_that_differs_is_a_change():
    input, output = detail(), detail().copy()
    assert not protocol.is_changed(input, output)
    output[0, 0, 2] ^= 1  # blue, at the border: no score would tell
    assert protocol.is_changed(input, output)
    luminance = np.rint(input @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    assert not protocol.is_changed(input, luminance)
    luminance[3, 3] ^= 1
    assert protocol.is_changed(input, luminance)


# -------------------------------------------------------------------------- the methods


def test_richardson_lucy_makes_the_steps_of_scikit_image(monkeypatch):
    monkeypatch.setattr(methods, "ITERATIONS", (3, 10))
    pixels, sigma = protocol.blurred(detail(), 1.6, seed=0), 1.6
    outputs = methods.richardson_lucys(pixels, sigma)
    assert list(outputs) == [3, 10]
    steps = np.arange(-7, 8)
    line = np.exp(-(steps**2) / (2 * sigma**2))
    kernel = np.outer(line, line) / line.sum() ** 2
    # Zeros beyond the border of scikit-image move inwards by a kernel a step.
    margin = 2 * 10 * 7
    padded = np.pad(protocol.plane(pixels), margin, mode="reflect")
    inside = np.s_[margin:-margin, margin:-margin]
    for n_steps, output in outputs.items():
        expected = 255 * restoration.richardson_lucy(padded, kernel, n_steps)[inside]
        assert np.abs(output - expected)[8:-8, 8:-8].max() < 0.51


def test_peers_with_the_true_kernel_restore():
    sharp = load_sample_images()[0][100:260, 60:240]
    pixels = protocol.blurred(sharp, 1.2, seed=0)
    before, _ = protocol.score(sharp, pixels)
    for run in (methods.wieners, methods.richardson_lucys):
        best = max(
            protocol.score(sharp, output)[0] for output in run(pixels, 1.2).values()
        )
        assert best > before + 3


def test_kernel_is_that_of_the_blur():
    point = np.zeros((45, 45))
    point[22, 22] = 1
    blurred = cv2.GaussianBlur(point, (15, 15), 1.6)[15:30, 15:30]
    np.testing.assert_allclose(methods.kernel(1.6), blurred, atol=1e-12)


def test_rows_of_both_protocols():
    compared = methods.compared(["mild", "robust"])
    assert list(compared) == [
        *("input", "unsharp mask", "Polyblur"),
        *("Wiener, true kernel", "Richardson-Lucy, true kernel"),
        *("mild", "mild, sigma given", "robust", "robust, sigma given"),
    ]
    assert [name for name, method in compared.items() if method.is_told_sigma] == [
        *("Wiener, true kernel", "Richardson-Lucy, true kernel"),
        *("mild, sigma given", "robust, sigma given"),
    ]
    noisy = methods.compared_on_noise(["mild", "mild-fast", "robust"])
    assert list(noisy) == ["input", "Polyblur", "mild", "robust"]


def test_a_model_is_told_sigma_only_where_a_row_says_so(monkeypatch):
    class Spy:
        def restore(self, pixels, sigma=None):
            return sigma

        def estimate_blur(self, pixels):
            return np.array([1.25])

    monkeypatch.setattr(methods, "restorer", lambda model: Spy())
    compared = methods.compared(["mild"])
    assert compared["mild"].run(detail(), 1.6) == {None: None}
    assert compared["mild, sigma given"].run(detail(), 1.6) == {None: 1.6}
    assert methods.estimated_sigma("mild", detail()) == 1.25


# ------------------------------------------------------------------------ the measuring


def brightened(by, pixels, sigma):
    return {step: pixels + np.uint8(step) for step in by}


def test_a_case_is_scored_by_method_and_setting(tmp_path):
    save_photo(tmp_path / "1.png", detail() // 2)
    compared = {
        "input": methods.Method(methods.unchanged),
        "brighter": methods.Method(partial(brightened, (51, 102)), True),
    }
    spoil = protocol.blurred
    photo = Photo("A", tmp_path / "1.png")
    scores, estimates = measuring.Case(photo, 0, spoil, compared).measure()
    assert scores == [Score("A", "A/1.png", 0, "input", None, 100, 1, False)]
    assert estimates == []
    scores, _ = measuring.Case(photo, 1.6, lambda x, *_: x, compared).measure()
    assert [(s.method, s.setting, s.is_changed) for s in scores] == [
        ("input", None, False),
        ("brighter", 51, True),
        ("brighter", 102, True),
    ]
    assert scores[1].psnr == pytest.approx(-20 * np.log10(51 / 255))


def test_processes_have_the_threads_that_they_may_have(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    with workers(1, n_threads=3) as pool:
        assert pool.submit(cv2.getNumThreads).result() == 3
        assert pool.submit(thread_count).result() == 3
    assert os.environ["OMP_NUM_THREADS"] == "5"


def test_every_method_is_timed():
    pixels = protocol.blurred(detail(), 1.6, seed=0)
    timed = calls(pixels, ["mild"])
    names = [name for name in methods.compared(["mild"]) if name != "input"]
    assert [name.removesuffix(", 30 iterations") for name in timed] == names
    for _, call in timed.values():
        call()
