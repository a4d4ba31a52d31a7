"""Pictures for people: labelled comparisons and curves, drawn with Pillow."""

import io
import math

import numpy as np

from .._files import write_whole

_INK, _PAPER, _GRID, _LINE = "#222222", "#ffffff", "#dddddd", "#1f6fb2"


def save_png(path, picture, *, overwrite=False):
    """Write a Pillow image as PNG; the file appears whole or not at all."""
    content = io.BytesIO()
    picture.save(content, format="PNG")
    write_whole(path, content.getbuffer(), overwrite=overwrite)


def side_by_side(images, labels, *, scale=1, gap=8):
    """Put images beside each other with a label above each, as the benchmarks do.

    Parameters
    ----------
    images : list of array of shape (height, width) or (height, width, 3), uint8
        Of one height.
    labels : list of str
        May have several lines.
    scale : int, default=1
        How often each pixel is repeated, so that detail can be seen.
    gap : int, default=8
        Pixels between the images.

    Returns
    -------
    picture : PIL.Image.Image
    """
    from PIL import Image, ImageDraw

    font = _font(18)
    panels = [Image.fromarray(np.asarray(image)).convert("RGB") for image in images]
    panels = [
        panel.resize(
            (panel.width * scale, panel.height * scale), Image.Resampling.NEAREST
        )
        for panel in panels
    ]
    top = 12 + 24 * max(label.count("\n") + 1 for label in labels)
    width = sum(panel.width for panel in panels) + gap * (len(panels) + 1)
    height = max(panel.height for panel in panels) + top + gap
    picture = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(picture)
    left = gap
    for panel, label in zip(panels, labels, strict=True):
        draw.multiline_text((left, 6), label, fill=_INK, font=font)
        picture.paste(panel, (left, top))
        left += panel.width + gap
    return picture


def draw_curves(curves, x_label):
    """Draw curves below each other over a common axis of steps.

    Parameters
    ----------
    curves : dict of str to (list of float, {"linear", "log"})
        Values from step 1 on and the scale of their axis.
    x_label : str

    Returns
    -------
    picture : PIL.Image.Image
    """
    from PIL import Image, ImageDraw

    width, height = 900, 360
    picture = Image.new("RGB", (width, height * len(curves)), _PAPER)
    draw = ImageDraw.Draw(picture)
    for index, (title, (values, scale)) in enumerate(curves.items()):
        box = (110, height * index + 50, width - 30, height * (index + 1) - 50)
        _draw_curve(draw, box, title, values, scale, x_label)
    return picture


def _draw_curve(draw, box, title, values, scale, x_label):
    left, top, right, bottom = box
    font, small = _font(20), _font(15)
    to_axis = math.log10 if scale == "log" else float
    low, high, ticks = _axis([to_axis(value) for value in values])

    def place(step, value):
        share = (step - 1) / max(len(values) - 1, 1)
        rise = (to_axis(value) - low) / (high - low)
        return left + share * (right - left), bottom - rise * (bottom - top)

    draw.text((left, top - 34), title, fill=_INK, font=font)
    for tick in ticks:
        value = 10**tick if scale == "log" else tick
        y = place(1, value)[1]
        draw.line((left, y, right, y), fill=_GRID)
        draw.text((left - 8, y), f"{value:.4g}", fill=_INK, font=small, anchor="rm")
    for step in sorted({1, (len(values) + 1) // 2, len(values)}):
        x = place(step, values[0])[0]
        draw.text((x, bottom + 8), f"{step}", fill=_INK, font=small, anchor="mt")
    draw.text((right, bottom + 28), x_label, fill=_INK, font=small, anchor="rt")
    points = [place(step, value) for step, value in enumerate(values, start=1)]
    if len(points) > 1:
        draw.line(points, fill=_LINE, width=3, joint="curve")
    for x, y in points:
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=_LINE)


def _axis(values):
    """Ends of an axis with a little air, and about five places for ticks."""
    low, high = min(values), max(values)
    air = 0.05 * (high - low) or 0.5 * (abs(high) or 1.0)
    low, high = low - air, high + air
    return low, high, np.linspace(low, high, 7)[1:-1]


def _font(size):
    from PIL import ImageFont

    return ImageFont.load_default(size)
