"""From figures to the parts of a report: titles, texts and tables. Pure functions."""

from dataclasses import dataclass, field
from typing import NamedTuple

from report import NO_FIGURE, Table

from pydbcnn._pixels.values import MAX_PSNR

from . import methods, summary
from .protocol import BORDER, NOISE, QUALITY

N_WORST, N_WORST_SHARP = 5, 3
FIGURES = {"psnr": ("PSNR in dB", ".2f"), "ssim": ("SSIM", ".3f")}


@dataclass(frozen=True)
class Results:
    """All that was measured.

    Parameters
    ----------
    sets : dict of int
        Number of photographs by name.
    sigmas : list of float
    models : list of str
    scores, noisy_scores : list of measuring.Score
        Of the first and of the second protocol, with all settings.
    estimates : list of measuring.Estimate
    times : list of times.Time
    """

    sets: dict
    sigmas: list
    models: list
    scores: list
    noisy_scores: list = field(default_factory=list)
    estimates: list = field(default_factory=list)
    times: list = field(default_factory=list)


class Part(NamedTuple):
    """A title, what is to be said, and a table."""

    title: str
    text: str
    table: Table


def parts(results):
    """The parts of a report, of those that have figures.

    Parameters
    ----------
    results : Results

    Returns
    -------
    parts : list of Part
    """
    best = summary.at_best(results.scores)
    found = [
        *set_parts(results.sets, best),
        settings_part(results),
        errors_part(results),
        *worse_parts(best),
        worst_part(results.models, best),
        *set_parts(results.sets, results.noisy_scores, " with noise and JPEG"),
        times_part(results.times),
    ]
    return [part for part in found if part.table.rows]


def set_parts(sets, scores, suffix=""):
    """PSNR and SSIM of each set: a row a method, a column a sigma."""
    sigmas = sorted({score.sigma for score in scores})
    names = names_of(scores)
    found = []
    for name, n_photos in sets.items():
        for figure, (label, form) in FIGURES.items():
            means = summary.means(scores, figure)
            rows = {
                method: [means.get((method, name, sigma)) for sigma in sigmas]
                for method in names
            }
            table = by_sigma(rows, sigmas, form)
            text = f"Number of photographs: {n_photos}."
            found.append(Part(f"{name}{suffix}: {label}", text, table))
    return found


def names_of(scores):
    """Names of methods in their order, which is that of a case that has them all."""
    highest = max((score.sigma for score in scores), default=None)
    return list(dict.fromkeys(s.method for s in scores if s.sigma == highest))


def by_sigma(rows, sigmas, form):
    """Numbers as a table with a column a sigma; None leaves a cell without figure.

    Parameters
    ----------
    rows : dict of list of (float or None)
    sigmas : list of float
    form : str
        How numbers are formatted.
    """
    columns = ["sigma", *(f"{sigma:g}" for sigma in sigmas)]
    lines = [
        [name, *(NO_FIGURE if value is None else format(value, form) for value in row)]
        for name, row in rows.items()
    ]
    return Table(columns, lines, [])


def settings_part(results):
    """The settings that were best, of methods that were given the choice."""
    settings = summary.best_settings(results.scores)
    rows = {
        f"{name}: {method}": [settings.get((method, name, s)) for s in results.sigmas]
        for method in (methods.WIENER, methods.RICHARDSON_LUCY)
        for name in results.sets
    }
    told = any(setting is not None for row in rows.values() for setting in row)
    table = by_sigma(rows if told else {}, results.sigmas, "g")
    balances, iterations = (
        ", ".join(f"{setting:g}" for setting in grid)
        for grid in (methods.BALANCES, methods.ITERATIONS)
    )
    text = (
        f"Of the Wiener filter the balance, out of {balances}; of Richardson-Lucy the "
        f"number of iterations, out of {iterations}. The setting with the highest mean "
        "PSNR stands here, and its figures in the tables, which favours these two: "
        "outside a test, nobody knows it. Where the most iterations are the best, more "
        "may gain a little, and are left out for the time that they take."
    )
    return Part("Settings with the true kernel", text, table)


def errors_part(results):
    """How far the models are from the true sigma."""
    errors = summary.estimate_errors(results.estimates)
    rows = {
        f"{name}: {model}": [errors.get((model, name, s)) for s in results.sigmas]
        for model in results.models
        for name in results.sets
    }
    table = by_sigma(rows if errors else {}, results.sigmas, ".3f")
    text = "Mean absolute error of estimate_blur, in pixels."
    return Part("Estimated sigma", text, table)


def worse_parts(scores):
    """Shares that came out worse, by set and by sigma."""
    rule = (
        "Cases, a photograph with one sigma each, whose PSNR is below that of the "
        "input. At sigma 0 the input is the sharp photograph itself, and any change of "
        "any pixel counts as worse. Methods that are given sigma have no case there."
    )
    text = "The same cases, of all sets together."
    by_set = Part("Came out worse, by set", rule, worse_table(scores, "set"))
    return by_set, Part(
        "Came out worse, by sigma", text, worse_table(scores, "sigma", total=False)
    )


def worse_table(scores, field, *, total=True):
    """Counts such as "3 of 35", a row a method; in total also as a share."""
    counts = summary.worse_counts(scores, field)
    groups = list(dict.fromkeys(group for _, group in counts))
    columns = ["", *(f"{group:g}" if field == "sigma" else group for group in groups)]
    lines = []
    for method in names_of(scores):
        if method == methods.INPUT:
            continue
        found = [counts[method, group] for group in groups if (method, group) in counts]
        cells = [_share(*counts.get((method, group), (0, 0))) for group in groups]
        if total:
            n_worse, n_cases = (sum(column) for column in zip(*found, strict=True))
            cells.append(f"{_share(n_worse, n_cases)}, {100 * n_worse / n_cases:.1f} %")
        lines.append([method, *cells])
    return Table([*columns, *(["all"] if total else [])], lines, [])


def _share(n_worse, n_cases):
    return f"{n_worse} of {n_cases}" if n_cases else NO_FIGURE


def worst_part(models, scores):
    """The cases in which each blind model did worst, by file."""
    lines = [
        [model, case.file, f"{case.sigma:g}", f"{before:.2f}", f"{case.psnr:.2f}"]
        for model in models
        for case, before in summary.worst(scores, model, N_WORST, N_WORST_SHARP)
    ]
    text = (
        f"Of each model that has to find sigma for itself: the {N_WORST} cases with "
        f"blur that gained least, whether they lost or not, then, if it changed any, "
        f"the {N_WORST_SHARP} of sigma 0 with the lowest PSNR."
    )
    columns = ["", "photograph", "sigma", "PSNR before", "after"]
    return Part("Worst cases", text, Table(columns, lines, []))


def times_part(times):
    """Seconds a megapixel."""
    lines = [[time.method, time.restores, f"{time.seconds:.3f}"] for time in times]
    text = (
        "Medians, on one colour photograph of 1.1 megapixels with a blur of sigma 1.6. "
        "Peers that work on luminance get the luminance ready, and do not put it back "
        "into the colours. Richardson-Lucy is timed as scikit-image has it; its time "
        "grows with the iterations."
    )
    return Part("Time", text, Table(["", "restores", "s a megapixel"], lines, []))


PROTOCOL = (
    "Sharp 8-bit photographs are blurred in floating point with cv2.GaussianBlur, "
    "whose kernel reaches 4 sigma on every side and whose border is mirrored "
    "(reflect-101), and rounded to 8 bits: that is the input. Outputs are rounded to 8 "
    "bits as well, as a file would hold them. PSNR and SSIM are those of the luminance "
    "(BT.601, full range), SSIM with a Gaussian window of sigma 1.5 and the biased "
    f"covariance; {BORDER} pixels on every side are left out, and figures are means "
    "over the photographs of a set. The PSNR of one photograph is cut at "
    f"{MAX_PSNR:g} dB, which is a perfect answer.",
    "The unsharp mask is that of scikit-image, with one setting for all (radius "
    f"{methods.UNSHARP_RADIUS:g}, amount {methods.UNSHARP_AMOUNT:g}, chosen on "
    "photographs of T91). Polyblur is our own implementation, with its defaults. The "
    "Wiener filter is that of scikit-image. Richardson-Lucy makes the steps of "
    "scikit-image's, with the blur along one axis after the other, so that one run "
    "gives the estimates after several numbers of iterations. These two get the true "
    f"kernel, {methods.MARGIN} mirrored pixels around the photograph, and the best "
    "setting for each sigma and set. Unsharp mask, Wiener and Richardson-Lucy see the "
    "luminance alone. Models are blind, unless a row says that sigma was given.",
    "With noise and JPEG: after the blur, normal noise with a standard deviation of "
    f"{NOISE}/255 is added to each channel, from a fixed seed for each photograph; "
    "then the image is rounded, and compressed as JPEG of quality "
    f"{QUALITY} (Pillow, colours at half the resolution).",
)
