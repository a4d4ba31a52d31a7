"""The blurs of photographs as lines of text, as JSON and as CSV."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .._blur.blur import Blur

_WIDEST_NAME = 60  # longer names are not worth the blanks behind all others
_COLUMNS = (
    *("path", "width", "height", "kind", "sigma", "sigma_major", "sigma_minor"),
    *("radius", "length", "angle", "confidence", "noise", "description"),
)


@dataclass(frozen=True)
class Reading:
    """What was read of one photograph.

    Parameters
    ----------
    path : pathlib.Path
    width, height : int
        In pixels, as they are stored.
    blur : Blur
        Of the whole photograph.
    tiles : array of shape (rows, columns) or None
        The blurs of its tiles, where they were asked for.
    """

    path: Path
    width: int
    height: int
    blur: Blur
    tiles: np.ndarray | None = None


def sorted_readings(readings, key, *, reverse=False):
    """Readings from sharp to blurred or from clean to noisy; what is not known, last.

    Parameters
    ----------
    readings : iterable of Reading
    key : {"blur", "noise"}
    reverse : bool, default=False
        Whether the strongest come first.

    Returns
    -------
    readings : list of Reading
    """
    value_of = {"blur": _sigma, "noise": _noise}[key]
    readings = list(readings)
    known = [reading for reading in readings if value_of(reading.blur) is not None]
    unknown = [reading for reading in readings if value_of(reading.blur) is None]
    known.sort(key=lambda reading: value_of(reading.blur), reverse=reverse)
    return known + unknown


def report_lines(readings, kind, name_width, tile_size=None):
    """Lines that tell readings, each as soon as it can be.

    Parameters
    ----------
    readings : iterable of Reading
    kind : {"text", "json", "csv"}
    name_width : int
        Characters of the longest path.
    tile_size : int or None, default=None
        Side of tiles, where readings have them.

    Yields
    ------
    line : str
    """
    if kind == "json":
        yield from _json_lines(readings)
    elif kind == "csv":
        yield from _csv_lines(readings, with_tiles=tile_size is not None)
    else:
        yield from _text_lines(readings, min(name_width, _WIDEST_NAME))


def _text_lines(readings, name_width):
    for reading in readings:
        blur = reading.blur
        yield f"{reading.path!s:<{name_width}}  {_sigma_in_words(blur)}  {blur}"
        if reading.tiles is not None:
            for row in reading.tiles:
                yield "    " + " ".join(map(_sigma_in_words, row))


def _json_lines(readings):
    """One object a line; a line is held back until it is known to need a comma."""
    yield "["
    last = None
    for reading in readings:
        if last is not None:
            yield f"{last},"
        last = json.dumps(_as_dict(reading), allow_nan=False)
    if last is not None:
        yield last
    yield "]"


def _as_dict(reading):
    data = {
        "path": str(reading.path),
        "width": reading.width,
        "height": reading.height,
        "sigma": _sigma(reading.blur),
        "description": str(reading.blur),
        "blur": reading.blur.to_dict(),
    }
    if reading.tiles is not None:
        data["tiles"] = [[blur.to_dict() for blur in row] for row in reading.tiles]
    return data


def _csv_lines(readings, *, with_tiles):
    """One row a photograph, or with tiles, one row a tile with its place among them."""
    place = ("row", "column") if with_tiles else ()
    yield _csv_line([*_COLUMNS[:3], *place, *_COLUMNS[3:]])
    for reading in readings:
        photo = [reading.path, reading.width, reading.height]
        if not with_tiles:
            yield _csv_line([*photo, *_csv_values(reading.blur)])
            continue
        for index, blur in np.ndenumerate(reading.tiles):
            yield _csv_line([*photo, *index, *_csv_values(blur)])


def _csv_values(blur):
    lengths = [blur.sigma_major, blur.sigma_minor, blur.radius, blur.length]
    estimate = [blur.angle, blur.confidence, _noise(blur)]
    return [blur.kind, _sigma(blur), *lengths, *estimate, str(blur)]


def _csv_line(values):
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()


def _sigma(blur):
    """The sigma by which blurs are compared, or None where none can be told."""
    return None if blur.kind == "unknown" else blur.sigma


def _sigma_in_words(blur):
    sigma = _sigma(blur)
    return f"{'-':>5}" if sigma is None else f"{sigma:5.2f}"


def _noise(blur):
    """The noise in levels, or None where it is not known."""
    return None if blur.noise is None else blur.noise.std
