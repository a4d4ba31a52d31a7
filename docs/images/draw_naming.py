"""Draws naming.png: spectra of four photographs, what explains them, and verdicts.

python docs/images/draw_naming.py
"""

import textwrap
from pathlib import Path
from typing import NamedTuple

import numpy as np
from skimage import data

from pydbcnn import Blur, JPEGTransformer, NoiseTransformer, estimate_blur
from pydbcnn._blur_estimation.evidence import evidence_of
from pydbcnn._blur_estimation.frequencies import RADII, SIDE, USED
from pydbcnn._blur_estimation.namer import shipped_namer
from pydbcnn._blur_estimation.shapes import KINDS, log_gain_of
from pydbcnn._blur_estimation.sharp_spectra import FUNCTIONS
from pydbcnn._degradations.blur_base import filter_image
from pydbcnn.datasets import load_sample_images

TARGET = Path(__file__).with_name("naming.png")
RINGS = np.linspace(0.06, 0.5, 23)  # cycles a pixel
CROP = np.s_[100:292, 200:456]
# Told apart by most colour-blind readers (Okabe and Ito).
MEASURED, EXPLAINED, NOISE, SHARP = "#000000", "#D55E00", "#56B4E9", "#009E73"


class Subject(NamedTuple):
    """A photograph and what happens to it."""

    title: str
    sharp: np.ndarray
    blur: Blur
    noise: float = 0.0  # levels
    quality: int | None = None  # of JPEG


def subjects():
    """Four photographs."""
    china, flower = load_sample_images()
    return [
        Subject("as it was", china, Blur.none()),
        Subject("disk of 2.5 pixels", china, Blur.defocus(2.5)),
        Subject(
            "motion of 5 pixels at 20°, noise 1, JPEG 90",
            flower,
            Blur.motion(5, 20),
            1.0,
            90,
        ),
        Subject(
            "Gaussian of 1.6 pixels, noise 2", data.astronaut(), Blur.gaussian(1.6), 2.0
        ),
    ]


def spoiled(subject):
    """The photograph of 8 bits as it is looked at."""
    levels = filter_image(
        subject.sharp.astype(np.float32), subject.blur.kernel(), "reflect101"
    )
    pixels = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    noise = NoiseTransformer(subject.noise / 255, random_state=0)
    (pixels,) = noise.transform([pixels])
    if subject.quality:
        (pixels,) = JPEGTransformer(subject.quality).transform([pixels])
    return pixels


def main():
    """Draw the picture; the same code gives the same file."""
    from matplotlib.figure import Figure

    rows = subjects()
    figure = Figure((11, 2.7 * len(rows)), facecolor="white", layout="constrained")
    for panels, subject in zip(
        figure.subplots(len(rows), 4, width_ratios=(1.3, 1, 1, 1.5)), rows, strict=True
    ):
        draw(panels, subject)
    figure.savefig(TARGET, dpi=110, metadata={"Software": None})


def draw(panels, subject):
    """The photograph, its spectrum, what explains it, and both over the radius."""
    pixels = spoiled(subject)
    (blur,) = estimate_blur([pixels])
    evidence = evidence_of(pixels, 255.0, shipped_namer().spectra)
    kind = kind_of(blur)
    seen, fit = evidence.seen, evidence.fits[kind]
    sharp = np.exp(FUNCTIONS @ fit.coefficients)
    noise = seen.noise * np.exp(fit.log_noise)
    model = sharp * np.exp(log_gain_of(kind, fit.parameters)) + noise

    picture, measured, explained, curves = panels
    picture.imshow(pixels[CROP])
    verdict = textwrap.fill(f"read as: {blur}", 46)
    picture.set_title(f"{subject.title}\n{verdict}", fontsize=8, loc="left")
    limits = np.log(noise.min()), np.log(seen.power.max())
    for axes, power, title in (
        (measured, seen.power, "measured"),
        (explained, model, "explained"),
    ):
        axes.imshow(
            as_plane(np.log(power)), vmin=limits[0], vmax=limits[1], cmap="magma"
        )
        axes.set_title(title, fontsize=9)
    for axes in (picture, measured, explained):
        axes.set_axis_off()
    draw_curves(curves, seen.power, model, noise, sharp)


def kind_of(blur):
    """What the search calls the kind of a blur."""
    if blur.kind == "gaussian":
        return "round" if blur.angle is None else "oblong"
    return blur.kind if blur.kind in KINDS else "none"


def draw_curves(axes, power, model, noise, sharp):
    """Means over rings."""
    for values, colour, label, style in (
        (power, MEASURED, "measured", "o"),
        (model, EXPLAINED, "explained", "-"),
        (sharp, SHARP, "taken for sharp", "--"),
        (noise, NOISE, "noise", "-"),
    ):
        axes.semilogy(*over_radius(values), style, color=colour, label=label, ms=3)
    axes.set_xlabel("cycles a pixel", fontsize=8)
    axes.set_ylabel("power, levels²", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=7, frameon=False)


def over_radius(values):
    """Middles of rings and means of values in them."""
    place = np.digitize(RADII, RINGS)
    means = [values[place == ring].mean() for ring in range(1, len(RINGS))]
    return (RINGS[1:] + RINGS[:-1]) / 2, means


def as_plane(values):
    """The whole plane of frequencies, with nothing where none are used."""
    half = np.full((SIDE, SIDE // 2 + 1), np.nan)
    half[USED] = values
    other = np.roll(half[::-1, ::-1], 1, axis=0)[:, :-1]  # a spectrum looks alike
    return np.fft.fftshift(np.concatenate([half[:, :-1], other], axis=1))


if __name__ == "__main__":
    main()
