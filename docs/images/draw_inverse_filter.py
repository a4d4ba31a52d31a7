"""Draws inverse_filter.svg: what a blur leaves, and what the filter makes of it.

python docs/images/draw_inverse_filter.py
"""

from pathlib import Path

import numpy as np

from pydbcnn._network.inverse_filter import typical_filter
from pydbcnn._pixels.gaussian import TRUNCATE, gaussian_weights

# Told apart by most colour-blind readers (Okabe and Ito).
COLOURS = {1.0: "#0072B2", 2.0: "#E69F00", 3.0: "#D55E00"}
TARGET = Path(__file__).with_name("inverse_filter.svg")


def main():
    """Draw the picture; the same code gives the same file."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "pydbcnn"}):
        figure = Figure((9, 3.2), facecolor="white")
        draw(figure.subplots(1, 3, sharex=True))
        figure.tight_layout()
        figure.savefig(TARGET, format="svg", metadata={"Date": None})
    # Matplotlib leaves spaces at the ends of lines.
    lines = TARGET.read_text(encoding="utf-8").splitlines()
    TARGET.write_text("\n".join(map(str.rstrip, lines)) + "\n", encoding="utf-8")


def draw(panels):
    """A panel each for the blur, the filter and their product."""
    cycles = np.linspace(0, 0.5, 101)
    for sigma, colour in COLOURS.items():
        blur = response(blur_weights(sigma), cycles)
        inverse = response(filter_weights(sigma), cycles)
        for axes, gain in zip(panels, (blur, inverse, blur * inverse), strict=True):
            axes.plot(cycles, gain, color=colour, label=f"sigma {sigma:g}")
    titles = ("blur", "inverse filter", "both together")
    for axes, title in zip(panels, titles, strict=True):
        axes.set_title(title)
        axes.set_xlabel("cycles a pixel")
        axes.set_xlim(0, 0.5)
        axes.grid(color="#dddddd", linewidth=0.5)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("gain")
    panels[0].legend(frameon=False)


def blur_weights(sigma):
    """A Gaussian along one axis, summed over the other."""
    return gaussian_weights(sigma, int(np.ceil(TRUNCATE * sigma)))


def filter_weights(sigma):
    """The filter along one axis, summed over the other."""
    return typical_filter(sigma).sum(axis=1)


def response(weights, cycles):
    """The gain of symmetric weights for waves along their axis."""
    distance = np.arange(len(weights)) - len(weights) // 2
    return np.cos(2 * np.pi * np.outer(cycles, distance)) @ weights


if __name__ == "__main__":
    main()
