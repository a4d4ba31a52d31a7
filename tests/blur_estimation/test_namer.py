"""What names blurs: photographs that were blurred, and what has no blur to name."""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from safetensors.numpy import save_file

from pydbcnn import Blur, JPEGTransformer, NoiseTransformer, estimate_blur
from pydbcnn._blur_estimation import namer
from pydbcnn._blur_estimation.namer import FORMAT, FORMAT_VERSION, Namer, shipped_namer
from pydbcnn._files import read_tensors
from pydbcnn.datasets import load_sample_images

BLURS = [
    Blur.gaussian(1.2),
    Blur.gaussian(2.0),
    Blur.gaussian(2.6, 1.0, 30.0),
    Blur.defocus(1.8),
    Blur.defocus(2.5),
    Blur.defocus(4.0),
    Blur.motion(5.0, 20.0),
    Blur.motion(8.0, 115.0),
]
CONDITIONS = {"clean": (0, None), "n2": (2, None), "n1, q90": (1, 90)}


def spoiled(sharp, blur, noise=0, quality=None):
    """Blurred by OpenCV, rounded, with noise of so many levels, and a JPEG."""
    levels = cv2.filter2D(sharp.astype(np.float32), -1, blur.kernel())
    pixels = [np.clip(np.rint(levels), 0, 255).astype(np.uint8)]
    pixels = NoiseTransformer(noise / 255, random_state=0).transform(pixels)
    return (JPEGTransformer(quality).transform(pixels) if quality else pixels)[0]


CASES = [(blur, condition) for blur in BLURS for condition in CONDITIONS]
# Its zeros are in what JPEG has emptied.
CASES.remove((Blur.defocus(1.8), "n1, q90"))


@pytest.mark.parametrize(("blur", "condition"), CASES, ids=str)
def test_blurs_are_named(blur, condition):
    for sharp in load_sample_images():
        (found,) = estimate_blur([spoiled(sharp, blur, *CONDITIONS[condition])])
        assert found.kind == blur.kind
        # One of the photographs is sharper than most, and looks less blurred.
        assert found.sigma == pytest.approx(blur.sigma, abs=0.3)
        if blur.kind != "gaussian":
            assert found.strength == pytest.approx(blur.strength, rel=0.05)
        if blur.angle is not None:
            apart = (found.angle - blur.angle + 90) % 180 - 90
            assert abs(apart) < 5
        assert 0 < found.confidence <= 1


@pytest.mark.parametrize("condition", [*CONDITIONS, "q60"])
def test_sharp_photographs_are_not_taken_for_blurred(condition):
    rest = CONDITIONS.get(condition, (0, 60))
    for sharp in load_sample_images():
        (found,) = estimate_blur([spoiled(sharp, Blur.none(), *rest)])
        assert found.sigma < 0.6


def text(height=240, width=320):
    image = np.full((height, width, 3), 250, np.uint8)
    for row in range(8):
        place, line = (6, 28 * row + 24), f"Line {row} of a page of plain text"
        cv2.putText(image, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (20, 20, 20), 1)
    return image


def shapes(height=240, width=320):
    image = np.full((height, width, 3), (200, 220, 240), np.uint8)
    cv2.rectangle(image, (30, 40), (150, 200), (40, 80, 160), -1)
    cv2.circle(image, (220, 120), 60, (160, 60, 40), -1, cv2.LINE_AA)
    cv2.line(image, (5, 5), (300, 230), (0, 0, 0), 2, cv2.LINE_AA)
    return image


def noise(height=240, width=320):
    random = np.random.default_rng(0)
    return np.clip(random.normal(128, 15, (height, width, 3)), 0, 255).astype(np.uint8)


def slope(height=240, width=320):
    return np.broadcast_to(
        np.linspace(20, 220, width)[:, np.newaxis], (height, width, 3)
    )


@pytest.mark.parametrize("draw", [text, shapes, noise, slope])
def test_what_is_no_photograph_cannot_be_told(draw):
    (found,) = estimate_blur([np.ascontiguousarray(draw(), np.uint8)])
    assert found.kind == "unknown"
    assert found.sigma == 0


@pytest.mark.parametrize("shape", [(64, 64), (64, 900, 3), (200, 300)])
def test_noise_alone_cannot_be_told(shape):
    """However strong it is, and however small the image."""
    for seed in range(5):
        pixels = np.random.default_rng(seed).integers(0, 256, shape)
        (found,) = estimate_blur([pixels.astype(np.uint8)])
        assert found.kind == "unknown"


@pytest.mark.parametrize("shape", [(1, 1), (63, 300), (300, 63), (40, 40, 3)])
def test_small_images_cannot_be_told(shape):
    (found,) = estimate_blur([np.random.default_rng(0).random(shape)])
    assert found.kind == "unknown"
    assert found.noise is not None


def test_the_smallest_image_that_is_looked_at():
    (found,) = estimate_blur([load_sample_images()[0][100:164, 200:264]])
    assert found.confidence is not None


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_other_channels_than_rgb(channels):
    (blurred,) = [spoiled(load_sample_images()[0], Blur.defocus(2.5))]
    image = np.repeat(blurred[..., 1:2], channels, axis=2)
    (found,) = estimate_blur([image])
    assert found.kind == "defocus"
    assert found.radius == pytest.approx(2.5, rel=0.03)


def test_turned_photographs_have_turned_blurs():
    pixels = spoiled(load_sample_images()[0], Blur.motion(6.0, 25.0))
    turned = [pixels, np.rot90(pixels), pixels[:, ::-1], pixels[::-1]]
    angles = [blur.angle for blur in estimate_blur(turned)]
    assert angles == pytest.approx([25, 115, 155, 155], abs=2)


def test_the_same_digits_for_any_number_of_threads():
    code = (
        "from pydbcnn import estimate_blur, GaussianBlurTransformer\n"
        "from pydbcnn.datasets import load_sample_images\n"
        "images = GaussianBlurTransformer(1.4).transform(load_sample_images())\n"
        "print([blur.to_json() for blur in estimate_blur(images)])"
    )
    outputs = set()
    for n_threads in ("1", "2", "5"):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | dict.fromkeys(names, n_threads),
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1


def test_what_was_learned_goes_through_a_file(tmp_path):
    tensors = shipped_namer().tensors()
    metadata = {"format": FORMAT, "format_version": str(FORMAT_VERSION)}
    save_file(tensors, tmp_path / "namer.safetensors", metadata)
    read, _ = read_tensors(tmp_path / "namer.safetensors", FORMAT, FORMAT_VERSION)
    image = spoiled(load_sample_images()[0], Blur.motion(5.0, 20.0))
    again = Namer.from_tensors(read).name(image, 255.0)
    assert again == shipped_namer().name(image, 255.0)


def test_what_was_learned_is_small():
    path = os.path.join(os.path.dirname(namer.__file__), "namer.safetensors")
    assert os.path.getsize(path) < 500_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("spectra.mean"), "no 'spectra.mean'"),
        (lambda t: t.pop("classifier.mean"), "classifier has no 'mean'"),
        (lambda t: t.update(x=np.zeros(1)), r"unexpected arrays \['x'\]"),
        (
            lambda t: t.update({"regressor.scale": np.zeros(3, np.float32)}),
            "scale of the namer's regressor holds values that are not above 0",
        ),
        (
            lambda t: t.update({"classifier.mean": np.zeros(3, np.float32)}),
            r"mean of the namer's classifier has shape \(3,\)",
        ),
        (
            lambda t: t.update({"spectra.mean": np.full(25, np.inf)}),
            "sharp spectra are not all finite",
        ),
    ],
)
def test_damaged_files_are_refused(change, message):
    tensors = shipped_namer().tensors()
    change(tensors)
    with pytest.raises(ValueError, match=message):
        Namer.from_tensors(tensors)
