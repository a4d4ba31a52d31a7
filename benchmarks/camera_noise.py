"""Compares the noise of cameras with that of CameraTransformer, in quiet places.

python benchmarks/camera_noise.py CAMERAS SHARP [--picture FILE.svg]

CAMERAS is a folder of photographs as cameras wrote them, SHARP one of sharp ones, which
are made smaller, so that they are clean, and then sent through the simulated camera
with its default ranges. Spectra are those of luminance, in levels of 8 bits.
"""

import argparse
from pathlib import Path

import numpy as np
from sharp_photos import sharp_photographs

from pydbcnn import CameraTransformer
from pydbcnn._blur_estimation.quiet import noise_of
from pydbcnn._blur_estimation.regions import regions_of
from pydbcnn._pixels.opencv import import_cv2

REDUCED = 0.5
SMALLEST = 256  # pixels of a side before that
PERCENTILES = (10, 50, 90)
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "camera_noise.svg"
# Told apart by most colour-blind readers (Okabe and Ito).
COLOURS = {"cameras": "#0072B2", "simulated": "#D55E00"}


def quiet_places(photos):
    """How noisy the quiet places of photographs are, and at which frequencies.

    Returns
    -------
    stds : array of shape (n,)
        Of a channel, in levels, beyond rounding.
    rings : array of shape (n, 8)
        Power of the luminance in rings of one sixteenth of a cycle a pixel.
    """
    measured = [noise_of(regions_of(photo, 255.0), True) for photo in photos]
    down, across = np.meshgrid(np.fft.fftfreq(16), np.fft.rfftfreq(16), indexing="ij")
    place = np.minimum(np.rint(np.hypot(down, across) * 16), 8).astype(int)
    rings = [
        [quiet.spectrum[place == ring].mean() for ring in range(1, 9)]
        for quiet in measured
    ]
    return np.array([quiet.std for quiet in measured]), np.array(rings)


def simulated(photos):
    """Photographs made smaller and sent through cameras."""
    cv2 = import_cv2()
    clean = [
        cv2.resize(photo, None, fx=REDUCED, fy=REDUCED, interpolation=cv2.INTER_AREA)
        for photo in photos
    ]
    return CameraTransformer(random_state=0).transform(clean)


def draw(results, path):
    """Medians, and what lies between the tenth and the ninetieth part."""
    import matplotlib
    from matplotlib.figure import Figure

    cycles = np.arange(1, 9) / 16
    with matplotlib.rc_context({"svg.hashsalt": "pydbcnn"}):
        figure = Figure((6, 3.6), facecolor="white", layout="constrained")
        axes = figure.subplots()
        for name, (_, rings) in results.items():
            low, middle, high = np.percentile(rings, PERCENTILES, axis=0)
            axes.fill_between(cycles, low, high, color=COLOURS[name], alpha=0.2, lw=0)
            axes.semilogy(cycles, middle, color=COLOURS[name], label=name)
        axes.set_xlabel("cycles a pixel")
        axes.set_ylabel("power in quiet places, levels²")
        axes.legend(frameon=False)
        figure.savefig(path, format="svg", metadata={"Date": None})
    # Matplotlib leaves spaces at the ends of lines.
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(map(str.rstrip, lines)) + "\n", encoding="utf-8")


def main(arguments=None):
    """Print the noise of both, and draw their spectra."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cameras", type=Path, help="folder of files of cameras")
    parser.add_argument("sharp", type=Path, help="folder of sharp photographs")
    parser.add_argument("--limit", type=int, help="of sharp photographs")
    parser.add_argument("--picture", type=Path, default=PICTURE)
    options = parser.parse_args(arguments)
    cameras = sharp_photographs(options.cameras, SMALLEST)
    sharp = sharp_photographs(options.sharp, SMALLEST, limit=options.limit)
    results = {
        "cameras": quiet_places(cameras),
        "simulated": quiet_places(simulated(sharp)),
    }
    for name, (stds, rings) in results.items():
        low, middle, high = np.percentile(stds, PERCENTILES)
        powers = " ".join(f"{power:.2f}" for power in np.median(rings, axis=0)[2:])
        print(
            f"{name}: {len(stds)} photographs; noise in levels, median {middle:.2f}, "
            f"10 to 90 %: {low:.2f} to {high:.2f}; median power from 3/16 to 1/2 "
            f"cycles a pixel: {powers}"
        )
    draw(results, options.picture)


if __name__ == "__main__":
    main()
