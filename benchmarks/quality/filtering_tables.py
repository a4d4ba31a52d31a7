"""From what filters and models made of known blurs to a report. Pure functions."""

from dataclasses import dataclass, field
from statistics import fmean, median_low

from report import NO_FIGURE, Table

from . import filtering, filtering_times
from .methods import MARGIN
from .protocol import BORDER
from .summary import grouped
from .tables import Part

# Of Wiener's filter, by set and sigma: Table 1 of Hu et al.
PUBLISHED_WIENER = {("Set5", 1.6): 29.46, ("Set5", 2.0): 28.29}


@dataclass(frozen=True)
class FilteringResults:
    """All that was measured.

    Parameters
    ----------
    sets : dict of int
        Number of photographs by name.
    measured : list of filtering.Filtering
    drp : list of filtering.DRPScore
    times : list of filtering_times.FilterTime
    making : list of filtering_times.MakingTime
    """

    sets: dict
    measured: list
    drp: list = field(default_factory=list)
    times: list = field(default_factory=list)
    making: list = field(default_factory=list)


def parts(results):
    """The parts of a report, of those that have figures.

    Parameters
    ----------
    results : FilteringResults

    Returns
    -------
    parts : list of tables.Part
    """
    by_set = {
        (name, n_photos): [m for m in results.measured if m.set == name]
        for name, n_photos in results.sets.items()
    }
    found = [
        *(set_part(*name, measured) for name, measured in by_set.items()),
        drp_part(results.drp),
        times_part(results.times),
        making_part(results.making),
    ]
    return [part for part in found if part.table.rows]


def set_part(name, n_photos, measured):
    """PSNR of all methods, a row a case, with the side and the loss of the filter."""
    methods = list(measured[0].psnr) if measured else []
    rows = [
        [
            *case,
            *(f"{fmean(m.psnr[method] for m in group):.2f}" for method in methods),
            str(median_low(m.side for m in group)),
            f"{fmean(m.loss for m in group):.2f}",
        ]
        for case, group in grouped(measured, "blur_name", "rest_name").items()
    ]
    text = (
        f"Number of photographs: {n_photos}. Mean PSNR in dB; the median side of the "
        "filter in pixels; and how far the filter alone is below the Wiener filter "
        "with the same knowledge, in dB."
    )
    columns = ["blur", "then", *methods, "side", "loss"]
    return Part(f"{name}: blur and noise given", text, Table(columns, rows, []))


def drp_part(scores):
    """The filter alone in the protocol of DRP, beside what was published."""
    rows = [
        [
            name,
            f"{sigma:g}",
            f"{fmean(score.before for score in group):.2f}",
            f"{fmean(score.after for score in group):.2f}",
            _text(PUBLISHED_WIENER.get((name, sigma)), ".2f"),
        ]
        for (name, sigma), group in grouped(scores, "set", "sigma").items()
    ]
    text = (
        "Mean PSNR in dB over all channels and pixels, in the protocol of Hu et al., "
        "A Restoration Network as an Implicit Prior (ICLR 2024), beside the Wiener "
        "filter of their Table 1. Blurs of colour photographs go around at the "
        f"borders, as does the filter; noise is white, of {filtering.DRP_NOISE:g} "
        f"levels. Sides are cut to multiples of {filtering.DRP_MULTIPLE} pixels."
    )
    columns = ["set", "sigma", "input", filtering.FILTER, "Wiener, published"]
    title = "In the protocol of DRP"
    return Part(title, text, Table(columns, rows, []))


def times_part(times):
    """Times of filters, a row a side and symmetry."""
    others = filtering_times.OPENCV, filtering_times.SCIPY
    rows = [
        [
            str(time.side),
            "from left to right" if time.is_symmetric else "none",
            *(f"{1e3 * seconds:.1f}" for seconds in time.seconds.values()),
            *(_ratio(time.seconds, name) for name in others),
        ]
        for time in times
    ]
    text = (
        "Milliseconds for a channel of a megapixel, float32, on one thread: the filter "
        "in the engine, without reading and writing the pixels; cv2.filter2D; and "
        "scipy.signal.fftconvolve. Medians of rounds in which all run in turn. The "
        "last columns tell how many times as long the others take."
    )
    names = filtering_times.OURS, *others
    columns = ["side", "symmetry", *names, *(f"{name}, times" for name in others)]
    return Part("Time of a filter", text, Table(columns, rows, []))


def _ratio(seconds, name):
    return f"{seconds[name] / seconds[filtering_times.OURS]:.2f}"


def making_part(making):
    """How long it takes to make a filter, a row a kind of blur."""
    rows = [
        [
            time.blur_name,
            f"{1e3 * time.fixed:.1f}",
            str(time.side),
            f"{1e3 * time.chosen:.1f}",
        ]
        for time in making
    ]
    text = (
        f"Milliseconds, of a filter with a side of {filtering_times.FIXED_SIDE} pixels "
        "and of one with the side that is chosen, for a photograph of which nothing "
        f"but the blur and noise of {filtering_times.NOISE} level is known. On one "
        "thread."
    )
    fixed = f"side {filtering_times.FIXED_SIDE}"
    columns = ["blur", fixed, "side chosen", "with the choice"]
    return Part("Time to make a filter", text, Table(columns, rows, []))


def _text(value, form):
    return NO_FIGURE if value is None else format(value, form)


PROTOCOL = (
    "Sharp 8-bit photographs are blurred in floating point, with mirrored borders "
    "(reflect-101), and rounded to 8 bits. Then, where a case says so, n2 is normal "
    "noise with a standard deviation of 2 levels, which are 1/255 of white, on each "
    "channel, rounded again; and q90 is JPEG of quality 90 (Pillow; colours at half "
    "the resolution, from quality 95 on at all of it). Blurs are a Gaussian with one "
    "sigma, or with two and an angle; a disk with a radius; and a straight motion with "
    "a length and an angle, in pixels and degrees. Noise comes from fixed seeds.",
    "Every method is given the blur and the noise. The noise is the spectrum of what "
    "noise, rounding and JPEG have changed in the luminance, averaged over blocks of "
    "16 x 16 pixels. The filter alone is the inverse filter that the models have in "
    "front, for the power spectrum that is read of the degraded photograph; nothing "
    "comes after it. Few pixels means the same without the Fourier domain, which it "
    "goes to where 41 x 41 pixels lose more than 0.1 dB. The Wiener filters work on "
    "all frequencies of the luminance, "
    f"with {MARGIN} mirrored pixels around it. The one with the same knowledge has the "
    "power spectrum that the filter has. The other one knows more: the power of the "
    "frequency that fits the sharp photograph best. Models get the blur and the noise, "
    "and whole photographs. For a blur with a direction, what the Wiener filters take "
    "to lie beyond the border is not quite what was there; where there is little "
    "noise, they spread the difference further than a filter on few pixels, which is "
    "then the better one.",
    "Outputs are rounded to 8 bits; the PSNR is that of the luminance, without "
    f"{BORDER} pixels on every side.",
)
