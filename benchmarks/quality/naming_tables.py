"""From what was read of blurs to the parts of a report. Pure functions."""

from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from report import NO_FIGURE, Table

from . import goals, naming_summary
from .degradations import UNDER_NOISE, WHITE_NOISE
from .methods import MARGIN
from .naming import MANY
from .protocol import BORDER
from .summary import grouped
from .tables import Part


@dataclass(frozen=True)
class NamingResults:
    """All that was read.

    Parameters
    ----------
    sets : dict of int
        Number of photographs by name.
    readings : list of naming.Reading
    files : list of naming.FileReading
        Of photographs whose blur nobody knows.
    """

    sets: dict
    readings: list
    files: list = field(default_factory=list)


def parts(results):
    """The parts of a report, of those that have figures.

    Parameters
    ----------
    results : NamingResults

    Returns
    -------
    parts : list of tables.Part
    """
    by_set = {
        (name, n_photos): [r for r in results.readings if r.set == name]
        for name, n_photos in results.sets.items()
    }
    found = [
        *(goals_part(*name, readings) for name, readings in by_set.items()),
        *(cases_part(name[0], readings) for name, readings in by_set.items()),
        sharp_part(results),
        noise_part(results),
    ]
    return [part for part in found if part.table.rows]


def goals_part(name, n_photos, readings):
    """What a set is to reach, and what it reaches."""
    rows, verdicts = [], []
    for goal in goals.GOALS:
        values = {rest: goal.value(readings, rest) for rest in goal.wanted}
        rows.append([goal.name, *_beside_wanted(goal, values)])
        verdicts += [
            goal.is_met(value, rest)
            for rest, value in values.items()
            if value is not None
        ]
    text = (
        f"Number of photographs: {n_photos}. Goals that are met: {sum(verdicts)} of "
        f"{len(verdicts)}."
    )
    columns = [cell for rest in goals.COLUMNS for cell in (rest, "goal")]
    return Part(f"Blurs of {name}: goals", text, Table(["", *columns], rows, []))


def _beside_wanted(goal, values):
    return [
        _text(number, goal.form)
        for rest in goals.COLUMNS
        for number in (values.get(rest), goal.wanted.get(rest))
    ]


_FIGURES = {
    "named right": (naming_summary.kind_share, ".1%"),
    "sigma": (partial(naming_summary.mean, naming_summary.sigma_error), ".3f"),
    "size": (partial(naming_summary.mean, naming_summary.size_error), ".1%"),
    "angle": (partial(naming_summary.mean, naming_summary.angle_error), ".1f"),
    "PSNR": (partial(naming_summary.mean, lambda reading: reading.psnr), ".2f"),
    "loss": (naming_summary.mean_loss, ".2f"),
}


def cases_part(name, readings):
    """Every case with a blur: how often its name was right, errors, and the loss."""
    blurred = [reading for reading in readings if reading.blur_name != "sharp"]
    rows = [
        [
            *case,
            *(_text(figure(group), form) for figure, form in _FIGURES.values()),
            _mistakes(group),
        ]
        for case, group in grouped(blurred, "blur_name", "rest_name").items()
    ]
    text = (
        "Mean errors: of the equivalent sigma in pixels; of the size, a radius or a "
        "length; of the angle in degrees. PSNR in dB of a Wiener filter that knows "
        "blur and noise, and what it loses with those that were read. Last, what wrong "
        "names there were, and how many."
    )
    columns = ["blur", "then", *_FIGURES, "mistaken for"]
    return Part(f"Blurs of {name}: every case", text, Table(columns, rows, []))


def _mistakes(readings):
    wrong = [
        naming_summary.kind_of(reading.found)
        for reading in readings
        if not naming_summary.is_kind_right(reading.true, reading.found)
    ]
    counts = Counter(wrong).most_common()
    return ", ".join(f"{kind} {count}" for kind, count in counts) or NO_FIGURE


def sharp_part(results):
    """How many sharp photographs were taken for blurred, and what that costs."""
    sharp = [reading for reading in results.readings if reading.true.kind == "none"]
    groups = grouped(sharp, "rest_name", "set")
    rows = []
    for rest in dict.fromkeys(reading.rest_name for reading in sharp):
        cells = [groups.get((rest, name), []) for name in results.sets]
        losses = [_text(naming_summary.mean_loss(cell), ".2f") for cell in cells]
        rows.append([rest, *map(_count_blurred, cells), *losses])
    text = (
        "Photographs that nothing has blurred, of which an equivalent sigma of more "
        f"than {naming_summary.TAKEN_FOR_BLURRED:g} pixels was read; and what the "
        "Wiener filter loses with what was read, in dB."
    )
    columns = ["", *results.sets, *(f"{name}: loss" for name in results.sets)]
    return Part("Sharp photographs taken for blurred", text, Table(columns, rows, []))


def _count_blurred(readings):
    n_blurred = sum(map(naming_summary.is_taken_for_blurred, readings))
    return f"{n_blurred} of {len(readings)}" if readings else NO_FIGURE


def noise_part(results):
    """Errors of white noise, a row a strength."""
    names = [f"n{std:g}" for std in WHITE_NOISE]
    groups = grouped(results.readings, "blur_name", "rest_name", "set")
    rows = []
    for blur in UNDER_NOISE:
        for noise in names:
            cells = [
                naming_summary.mean(
                    naming_summary.noise_error, groups.get((blur, noise, name), [])
                )
                for name in results.sets
            ]
            if any(cell is not None for cell in cells):
                rows.append([blur, noise, *(_text(cell, ".1%") for cell in cells)])
    text = (
        "Mean error of the noise that was read, as a share of the noise that was "
        "drawn. Photographs of which none was read do not count."
    )
    return Part("White noise", text, Table(["", "noise", *results.sets], rows, []))


def files_part(files):
    """What was read of photographs whose blur nobody knows."""
    rows = [
        [
            f"{reading.folder}/{reading.file}",
            f"{reading.width} x {reading.height}",
            f"{reading.found.sigma:.2f}",
            _text(reading.found.confidence, ".2f"),
            str(reading.found),
        ]
        for reading in files
    ]
    text = "To be looked at beside the photographs: nobody knows what is true of them."
    columns = ["photograph", "pixels", "sigma", "confidence", "what was read"]
    return Part("Photographs of cameras", text, Table(columns, rows, []))


def _text(value, form):
    if value is None:
        return NO_FIGURE
    return format(value, form).replace("%", " %")


PROTOCOL = (
    "Sharp 8-bit photographs are blurred in floating point, with mirrored borders "
    "(reflect-101), and rounded to 8 bits. Then, where a case says so, n2 is normal "
    "noise with a standard deviation of 2 levels, which are 1/255 of white, on each "
    "channel, rounded again; and q90 is JPEG of quality 90 (Pillow; colours at half "
    "the resolution, from quality 95 on at all of it). Blurs are a Gaussian with one "
    "sigma, or with two and an angle; a disk with a radius, as of a lens out of focus; "
    "and a straight motion with a length and an angle, in pixels and degrees. Where no "
    "angle stands, each photograph has its own; in sets of at most "
    f"{MANY} photographs it has two. Noise and angles come from fixed seeds. "
    "estimate_blur gets the photograph alone.",
    "A kind is named right if a Gaussian is called one, a disk out of focus, and a "
    "motion a motion. A Gaussian whose sigmas have a ratio above "
    f"{naming_summary.ROUND_RATIO:g} has a direction, and is a kind of its own, "
    "a long one. The equivalent sigma is that of the round Gaussian that is as wide. "
    "Errors of a size or an angle are of those blurs whose kind was named right. Noise "
    "is compared with what was drawn, whatever JPEG has left of it.",
    "What an error costs is told by a plain Wiener filter of the luminance, "
    "K* S / (K* K S + N), with the blur K and the noise N that were read, and with the "
    "true ones. The true N is the spectrum of what noise, rounding and JPEG have "
    "changed, averaged over blocks of 16 x 16 pixels. For both, S is the power of the "
    "frequency that fits the sharp photograph best. "
    f"{MARGIN} mirrored pixels are around the photograph; where the blur has a "
    "direction, which a mirror turns, they are blurred once more. Outputs are rounded "
    f"to 8 bits; the PSNR is that of the luminance, without {BORDER} pixels on every "
    "side. Where nothing is read, no blur is undone.",
)
