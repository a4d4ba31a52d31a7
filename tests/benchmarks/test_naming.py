"""Names of blurs in the benchmark: what is done to photographs, and what is read."""

import cv2
import numpy as np
import pytest
from image_samples import detail
from photo_samples import save_photo
from PIL import Image
from quality import degradations, naming, protocol, wiener
from quality.degradations import Degradation
from quality.photos import Photo
from scipy import ndimage
from skimage import restoration

from pydbcnn import Blur, Noise
from pydbcnn._pixels.values import luminance
from pydbcnn.datasets import load_sample_images

MOTION = Degradation("motion", (5,), angle=20)

# --------------------------------------------------------------------- the degradations


@pytest.mark.parametrize(
    ("degradation", "blur_name", "rest_name"),
    [
        (Degradation(), "sharp", "clean"),
        (Degradation("gaussian", (1.6,), 1, 90), "Gaussian 1.6", "n1, q90"),
        (
            Degradation("gaussian", (2.5, 1), angle=30),
            "Gaussian 2.5 x 1 at 30",
            "clean",
        ),
        (Degradation("defocus", (2.5,), 0.5), "disk 2.5", "n0.5"),
        (Degradation("motion", (5,), 0, 95, 20), "motion 5 at 20", "q95"),
        (Degradation("motion", (5,), draw=1), "motion 5", "clean"),
    ],
)
def test_names_say_what_is_done(degradation, blur_name, rest_name):
    assert degradation.blur_name == blur_name
    assert degradation.rest_name == rest_name


def test_blurs_are_those_of_the_package():
    assert Degradation().blur(seed=0) == Blur.none()
    assert Degradation("defocus", (2.5,)).blur(seed=0) == Blur.defocus(2.5)
    assert Degradation("gaussian", (1.6,)).blur(seed=0) == Blur.gaussian(1.6)
    assert MOTION.blur(seed=0) == MOTION.blur(seed=1) == Blur.motion(5, 20)
    long = Degradation("gaussian", (2.5, 1), angle=30).blur(seed=0)
    assert long == Blur.gaussian(2.5, 1, 30)


def test_angles_are_drawn_for_each_photograph_blur_and_draw():
    blurs = [
        Degradation(kind, size, draw=draw)
        for kind, size in (("motion", (5,)), ("motion", (6,)), ("gaussian", (2, 1)))
        for draw in (0, 1)
    ]
    angles = [blur.blur(seed).angle for blur in blurs for seed in (0, 1)]
    assert len(set(angles)) == len(angles)
    assert angles == [blur.blur(seed).angle for blur in blurs for seed in (0, 1)]
    # What comes after the blur is no reason for another angle.
    assert Degradation("motion", (5,), 1, 90).blur(0) == blurs[0].blur(0)
    many = [blurs[0].blur(seed).angle for seed in range(200)]
    assert np.histogram(many, bins=6, range=(0, 180))[0].min() > 20


@pytest.mark.parametrize("n_draws", [1, 2])
def test_every_case_is_there_once(n_draws):
    found = degradations.degradations(n_draws)
    assert len(set(found)) == len(found)
    names = [(case.blur_name, case.rest_name) for case in found]
    for blur in (
        *(f"Gaussian {sigma}" for sigma in ("0.8", "1", "1.2", "1.6", "2", "2.4", "3")),
        *(f"disk {radius}" for radius in ("1.5", "2", "2.5", "3", "4")),
        *("motion 4", "motion 5 at 20", "motion 6", "motion 8"),
        *("Gaussian 2 x 1", "Gaussian 2.5 x 1 at 30", "Gaussian 3 x 1.2", "sharp"),
    ):
        for rest in ("clean", "n1, q90", "n2"):
            drawn = blur in ("motion 4", "motion 6", "motion 8") or (
                " x " in blur and " at " not in blur
            )
            assert names.count((blur, rest)) == (n_draws if drawn else 1)
    assert names.count(("motion 5", "n2")) == (2 if n_draws == 2 else 0)
    for case in [("Gaussian 0.8", "q95"), ("Gaussian 1.6", "n4"), ("sharp", "q75")]:
        assert case in names
    for blur in ("sharp", "Gaussian 1.6"):
        for noise in ("n0.5", "n1", "n2", "n4", "n8"):
            assert (blur, noise) in names


@pytest.mark.parametrize("pixels", [detail(), detail()[..., 0]], ids=["colour", "grey"])
@pytest.mark.parametrize("blur", [Blur.motion(5, 20), Blur.defocus(2.5)], ids=str)
def test_photographs_are_blurred_with_mirrored_borders(blur, pixels):
    found = degradations.blurred(pixels, blur)
    kernel = blur.kernel()
    if pixels.ndim == 3:
        kernel = kernel[..., np.newaxis]
    expected = ndimage.convolve(pixels.astype(float), kernel, mode="mirror")
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_a_round_gaussian_is_that_of_the_other_report():
    sharp = detail()
    case = Degradation("gaussian", (1.6,))
    found = degradations.spoiled(degradations.blurred(sharp, case.blur(0)), case, 0)
    expected = protocol.blurred(sharp, 1.6, seed=0)
    assert np.mean(found != expected) < 1e-3  # halves, in single precision


@pytest.mark.parametrize(
    ("quality", "subsampling"), [(None, None), (90, 2), (95, 0)], ids=str
)
def test_rounding_then_noise_then_rounding_then_jpeg(tmp_path, quality, subsampling):
    blurred = cv2.GaussianBlur(detail().astype(float), (15, 15), 1.6)
    noise = np.random.default_rng(5).normal(0, 2, blurred.shape)
    expected = np.clip(np.rint(np.rint(blurred) + noise), 0, 255).astype(np.uint8)
    if quality:
        options = dict(quality=quality, subsampling=subsampling)
        Image.fromarray(expected).save(tmp_path / "a.jpg", **options)
        expected = np.array(Image.open(tmp_path / "a.jpg"))
    case = Degradation("gaussian", (1.6,), 2, quality)
    found = degradations.spoiled(blurred, case, seed=5)
    assert found.dtype == np.uint8
    assert np.array_equal(found, expected)
    assert not np.array_equal(found, degradations.spoiled(blurred, case, seed=6))


# -------------------------------------------------------------------- the Wiener filter


def test_wiener_filter_is_that_of_scikit_image():
    levels, law = 255 * protocol.plane(detail()), wiener.PowerLaw(0.5, -2.5)
    kernel, noise = Blur.gaussian(1.6).kernel(), Noise.white(2.0)
    continued = wiener.mirrored(levels)
    # Its regularisation is the ratio of noise to signal, whose root it takes.
    ratio = np.sqrt(4.0 / law.power(continued.shape)).astype(complex)
    ratio[0, 0] = 0
    expected = restoration.wiener(continued, kernel, 1.0, reg=ratio, clip=False)
    found = wiener.wiener(levels, kernel, noise, law)
    np.testing.assert_allclose(found, expected[32:-32, 32:-32], atol=1e-6)


@pytest.mark.parametrize(
    "blur", [Blur.gaussian(1.0), Blur.defocus(2.0), Blur.motion(5, 20)], ids=str
)
def test_wiener_filter_restores_up_to_the_border(blur):
    sharp = load_sample_images()[0][100:260, 60:240]
    pixels = protocol.to_8_bits(degradations.blurred(sharp, blur))
    law = wiener.fitted_power_law(255 * protocol.plane(sharp))
    rounding = Noise.white(0, rounded=True)
    levels = 255 * protocol.plane(pixels)
    restored = wiener.wiener(levels, blur.kernel(), rounding, law)
    before = protocol.psnr(sharp, pixels)
    assert protocol.psnr(sharp, protocol.to_8_bits(restored)) > before + 5


def test_margins_mirror_and_have_no_seam():
    image = 255 * protocol.plane(detail())
    found = wiener.mirrored(image)
    assert np.array_equal(found[32:-32, 32:-32], image)
    assert found.shape == (64 + 64, 72 + 64)
    mirror = np.pad(image, 32, mode="reflect")
    assert np.abs(found - mirror)[28:-28, 28:-28].max() < 20
    # Around the corner, neighbours differ no more than those inside.
    for axis in (0, 1):
        inside = np.abs(np.diff(found, axis=axis)).max()
        seam = np.abs(found.take(0, axis) - found.take(-1, axis)).max()
        assert seam <= inside
    assert np.ptp(wiener.mirrored(np.full((27, 30), 7.0))) < 1e-12


def test_transfer_function_of_a_kernel_that_is_not_symmetric():
    kernel = np.random.default_rng(0).random((3, 5))
    placed = ndimage.convolve(np.eye(11, 12), kernel, mode="wrap")
    product = np.fft.rfft2(np.eye(11, 12)) * wiener.transfer_function(kernel, (11, 12))
    np.testing.assert_allclose(np.fft.irfft2(product, (11, 12)), placed, atol=1e-12)


def test_a_kernel_larger_than_the_image_goes_around():
    kernel = np.full((9, 9), 1 / 81)
    transfer = wiener.transfer_function(kernel, (3, 3))
    np.testing.assert_allclose(transfer, [[1, 0], [0, 0], [0, 0]], atol=1e-12)


@pytest.mark.parametrize("exponent", [-2.0, -3.0])
def test_power_law_is_found(exponent):
    shape = 256, 240
    law = wiener.PowerLaw(0.3, exponent)
    white = np.fft.rfft2(np.random.default_rng(0).normal(size=shape))
    levels = 100 + np.fft.irfft2(white * np.sqrt(law.power(shape)), shape)
    found = wiener.fitted_power_law(levels)
    assert found.exponent == pytest.approx(exponent, abs=0.05)
    assert found.factor == pytest.approx(0.3, rel=0.1)


def test_a_flat_photograph_stays_flat():
    flat = np.full((40, 50), 90.0)
    law = wiener.fitted_power_law(flat)
    assert np.isfinite(law).all()
    restored = wiener.wiener(flat, Blur.defocus(3).kernel(), Noise.white(0), law)
    np.testing.assert_allclose(restored, flat, atol=1e-6)


def test_true_noise_is_measured():
    random = np.random.default_rng(0)
    blurred = 255 * protocol.plane(detail(200, 300))
    white = random.normal(0, 3, blurred.shape)
    noise = wiener.true_noise(blurred + white, blurred)
    assert noise.std == pytest.approx(3, rel=0.02)
    assert noise.spectrum.mean() == pytest.approx(9, rel=0.05)
    line = [0.25, 0.5, 0.25]
    soft = ndimage.convolve(white, np.outer(line, line), mode="wrap")
    spectrum = wiener.true_noise(blurred + soft, blurred).spectrum
    frequency = 2 * np.pi * np.fft.rfftfreq(16)
    expected = 9 * (0.5 + 0.5 * np.cos(frequency)) ** 2
    # Under a Hann window, each frequency has something of its neighbours.
    np.testing.assert_allclose(spectrum[0], expected, atol=0.15 * 9)


# ------------------------------------------------------------------------- the readings


def case_of(tmp_path, degradation, pixels):
    save_photo(tmp_path / "A" / "1.png", pixels)
    return naming.NamingCase(Photo("A", tmp_path / "A" / "1.png"), degradation)


@pytest.mark.parametrize("pixels", [detail(), detail()[..., 0]], ids=["colour", "grey"])
def test_what_is_read_is_compared_with_the_truth(tmp_path, monkeypatch, pixels):
    seen = []

    def estimate_blur(images):
        seen.extend(images)
        return [Blur.gaussian(1.0)]

    monkeypatch.setattr(naming, "estimate_blur", estimate_blur)
    degradation = Degradation("motion", (5,), 2, None, 20)
    reading = case_of(tmp_path, degradation, pixels).measure()
    assert reading[:5] == ("A", "A/1.png", "motion 5 at 20", "n2", 2)
    assert reading.true == Blur.motion(5, 20)
    assert reading.found == Blur.gaussian(1.0)
    assert reading.loss > 1
    assert len(seen) == 1
    assert seen[0].shape == pixels.shape
    noise = seen[0] - degradations.blurred(pixels, reading.true)
    assert noise.std() == pytest.approx(2, rel=0.05)


def test_the_truth_costs_nothing(tmp_path, monkeypatch):
    degradation = Degradation("motion", (5,), 2, None, 20)
    case = case_of(tmp_path, degradation, detail())
    sharp = detail()
    before = degradations.blurred(sharp, Blur.motion(5, 20))

    def estimate_blur(images):
        levels = 255 * protocol.plane(images[0])
        noise = wiener.true_noise(levels, luminance(before))
        return [Blur.motion(5, 20, noise=noise)]

    monkeypatch.setattr(naming, "estimate_blur", estimate_blur)
    reading = case.measure()
    assert reading.loss == 0
    assert reading.psnr > protocol.psnr(sharp, protocol.to_8_bits(before)) + 1


def test_a_perfect_photograph_has_no_loss(tmp_path):
    assert case_of(tmp_path, Degradation(), detail()).measure().loss is None
    noisy = case_of(tmp_path, Degradation("none", (), 4), detail())
    assert noisy.measure().loss is not None


def test_large_sets_have_one_angle_for_each_blur():
    few = [Photo("few", f"{i}.png") for i in range(2)]
    many = [Photo("many", f"{i}.png") for i in range(naming.MANY + 1)]
    cases = naming.naming_cases({"few": few, "many": many})
    n_few, n_many = (len(degradations.degradations(draws)) for draws in (2, 1))
    assert n_many < n_few
    assert len(cases) == len(few) * n_few + len(many) * n_many
    assert cases[0].photo == few[0]


def test_files_are_read(tmp_path):
    save_photo(tmp_path / "lens" / "a.png", detail())
    save_photo(tmp_path / "camera" / "b.jpg", detail(80, 90))
    paths = naming.find_files([tmp_path / "lens", tmp_path / "camera"])
    first, second = map(naming.read_file, paths)
    assert first[:4] == ("lens", "a.png", 72, 64)
    assert second[:4] == ("camera", "b.jpg", 90, 80)
    assert isinstance(second.found, Blur)
    assert naming.find_files([]) == []


def test_a_folder_without_photographs_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no photograph in this folder"):
        naming.find_files([tmp_path])
