"""Clipped highlights: what the confidence map is worth, kernel and noise given.

python benchmarks/highlights.py TEST_SET OUTLIERS

TEST_SET is a folder of photographs: what is brighter than 250 in them is raised two-
and fourfold before the blur and clipped after it. OUTLIERS is the folder of examples of
Cho, Wang and Lee (2011): blurred, psf, ground_truth and cho2011, each a PNG.
"""

import argparse
import zlib
from pathlib import Path

import numpy as np
from quality.filtering import filter_model

from pydbcnn import Blur, Noise
from pydbcnn._degradations.blur_base import filter_image
from pydbcnn._photos import find_photos, read_photo
from pydbcnn.backends import get_backend

BLURS = {
    "Gaussian 1.2": Blur.gaussian(1.2),
    "Gaussian 2": Blur.gaussian(2.0),
    "disk 2.5": Blur.defocus(2.5),
    "disk 4": Blur.defocus(4.0),
    "motion 8 at 20": Blur.motion(8, angle=20),
}
FACTORS = 1, 2, 4  # 1: nothing is clipped but what was white
NOISE = 1.0  # levels
HIGHLIGHT, DARKER = 250, 10  # levels
BESIDE = 7  # pixels
PLACES_OF_IMPULSES = 40  # levels off the median of the pixels around


def restored(pixels, blur, noise, clipped="white"):
    """A photograph through the filter."""
    model = filter_model(3)
    known = model.check(
        blur=blur,
        noise=noise,
        clipped=clipped,
        shapes=[pixels.shape[:2]],
        dtype=pixels.dtype,
    )
    backend = get_backend("cpu", "float32")
    batch = pixels[np.newaxis]
    return model.restore(backend, batch, data_range=255.0, known=known)[0]


def psnr(estimate, sharp):
    """Of all channels, in dB."""
    error = np.mean((estimate.astype(float) - sharp) ** 2)
    return 10 * np.log10(255**2 / error)


def simulated(sharp, blur, factor, seed):
    """The sharp photograph with highlights, and what a camera makes of it."""
    light = sharp.astype(float)
    bright = light.max(axis=2, keepdims=True) >= HIGHLIGHT
    light = np.where(bright, light * factor, light)
    seen = filter_image(light, blur.kernel(), "reflect101")
    seen += np.random.default_rng(seed).normal(scale=NOISE, size=seen.shape)
    return np.minimum(light, 255), np.rint(seen).clip(0, 255).astype(np.uint8)


def dark_rings(estimate, sharp, seen):
    """Share of channels beside highlights that are darker than they can be.

    That is by more than 10 levels than both the sharp photograph and the blurred one.
    """
    from scipy.ndimage import binary_dilation

    white = (seen == 255).any(axis=2)
    beside = binary_dilation(white, np.ones((2 * BESIDE + 1,) * 2))[..., np.newaxis]
    beside = beside & (sharp < HIGHLIGHT)
    if not beside.any():
        return np.nan
    least = np.minimum(sharp, seen)
    return 100 * np.mean((least - estimate)[beside] > DARKER)


def measure_simulated(folder):
    """Print the table of simulated highlights."""
    photos, _ = find_photos([folder])
    sharps = [(photo.name, read_photo(photo).pixels) for photo in photos]
    sharps = [(name, pixels) for name, pixels in sharps if has_highlights(pixels)]
    print(f"{len(sharps)} photographs; PSNR in dB, share of dark rings in %")
    print("| blur | factor | input | without the map | with it |")
    print("|---|---|---|---|---|")
    for name, blur in BLURS.items():
        for factor in FACTORS:
            rows = [measure_one(*sharp, blur, factor) for sharp in sharps]
            psnrs, rings = np.nanmean(rows, axis=0).reshape(2, 3)
            worse = sum(row[2] < row[1] for row in rows)
            cells = [f"{p:.2f}, {r:.1f}" for p, r in zip(psnrs, rings, strict=True)]
            print(f"| {name} | {factor} | {' | '.join(cells)} | {worse} worse |")


def has_highlights(pixels):
    """Whether some pixels, and not many, are highlights."""
    return 0.001 < np.mean(pixels.max(axis=2) >= HIGHLIGHT) < 0.1


def measure_one(name, sharp, blur, factor):
    """PSNR and dark rings of the input, without the map, and with it."""
    sharp, seen = simulated(sharp, blur, factor, zlib.crc32(name.encode()))
    outputs = [seen, *(restored(seen, blur, NOISE, how) for how in ("none", "white"))]
    rings = [dark_rings(output, sharp, seen) for output in outputs]
    return [psnr(output, sharp) for output in outputs] + rings


def measure_outliers(folder):
    """Print what becomes of the examples of Cho, Wang and Lee."""
    print("| photograph | input | without the map | with it | Cho, Wang and Lee |")
    print("|---|---|---|---|---|")
    for place in sorted(folder.iterdir()):
        seen, sharp, theirs, kernel = (
            read_photo(place / f"{name}.png").pixels
            for name in ("blurred", "ground_truth", "cho2011", "psf")
        )
        kernel = kernel if kernel.ndim == 2 else kernel[..., 0]
        blur = Blur.from_kernel(kernel / kernel.sum())
        shift = [round(side) for side in blur.offset]
        outputs = [seen]
        for how in ("none", "white"):
            output = restored(
                without_impulses(seen), blur.centred(), Noise.white(2.0), how
            )
            outputs.append(np.roll(output, [-side for side in shift], (0, 1)))
        cells = [f"{psnr(output, sharp):.2f}" for output in [*outputs, theirs]]
        print(f"| {place.name} | {' | '.join(cells)} |")


def without_impulses(pixels):
    """Single pixels that stand out, as of a faulty sensor, replaced by the median."""
    from scipy.ndimage import median_filter

    median = median_filter(pixels, (3, 3, 1))
    stands_out = np.abs(pixels.astype(int) - median) > PLACES_OF_IMPULSES
    return np.where(stands_out, median, pixels)


def main():
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("test_set", type=Path)
    parser.add_argument("outliers", type=Path)
    options = parser.parse_args()
    measure_outliers(options.outliers)
    measure_simulated(options.test_set)


if __name__ == "__main__":
    main()
