"""Compare the quality of the models that ship with that of other methods.

python benchmarks/evaluate.py DATA [--sets Set5] [--sigmas 0.8 1.6] [--results DIR]
"""

import argparse
import datetime
import os
from pathlib import Path

import machine
import report
from quality import chart, crops, measuring, methods, pages, protocol, tables
from quality.photos import find_sets
from quality.times import measure_times
from quality.workers import workers
from timing import N_THREADS

from pydbcnn._commands.pictures import save_png
from pydbcnn.backends.threads import usable_processors
from pydbcnn.pretrained import available_models

ROOT = Path(__file__).parents[1]
PUBLISHED = {
    "quality.md": ROOT / "benchmarks" / "results" / "quality.md",
    "quality.inc": ROOT / "docs" / "quality.inc",
    "quality.svg": ROOT / "docs" / "images" / "quality.svg",
    "crops.png": ROOT / "docs" / "images" / "crops.png",
}
PUBLISHED_SETS = {"Set5": 5, "McMaster": 18, "CBSD68": 68}
NOISY_SIGMAS = (1.2, 2.4)
FULL_ROUNDS = 5
MAX_SIGMA = 8  # whose kernel is as wide as the margin around a photograph
PACKAGES = ("pydbcnn", "numpy", "scipy", "opencv-python", "scikit-image", "pillow")


def main(arguments=None):
    """Measure, print the tables and write what is to be published."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    start = machine.core_seconds()
    try:
        sets = find_sets(options.data, options.sets)
    except ValueError as error:
        parser.error(str(error))
    results = measure(sets, options)
    about = {
        "date": datetime.date.today().isoformat(),
        "command": command(options),
        **machine.describe(start, PACKAGES),
    }
    parts = tables.parts(results)
    print(pages.markdown(about, parts))
    places, reason = _places(results, options)
    if places:
        write(places, about, parts, results)
    if reason:
        print(f"Nothing was written, since {reason}: --results DIR takes any report.")


def build_parser():
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="A complete run, over all sets of the report and all sigmas, replaces "
        "the published report: benchmarks/results/quality.md, docs/quality.inc and two "
        "pictures in docs/images. Any other run prints its tables and writes nothing, "
        "unless --results names a folder.",
    )
    add = parser.add_argument
    add(
        "data",
        type=Path,
        metavar="DATA",
        help="folder; each subfolder with photographs is a set",
    )
    add("--sets", nargs="+", metavar="NAME", help="sets to use (default: all)")
    add(
        "--sigmas",
        nargs="+",
        type=_sigma,
        metavar="SIGMA",
        default=list(protocol.SIGMAS),
        help="of the blur, in pixels (default: %(default)s)",
    )
    add("--jobs", type=_count, default=usable_processors(), help="processes at once")
    add(
        "--rounds",
        type=_count_or_none,
        default=FULL_ROUNDS,
        help="calls that are timed, 0 for none (default: %(default)s)",
    )
    add("--results", type=Path, metavar="DIR", help="folder for the report")
    return parser


def _sigma(text):
    sigma = float(text)
    if not 0 <= sigma <= MAX_SIGMA:
        raise argparse.ArgumentTypeError(f"{text}: expected 0 to {MAX_SIGMA} pixels")
    return sigma


def _count(text, least=1):
    count = int(text)
    if count < least:
        raise argparse.ArgumentTypeError(f"{text}: expected {least} or more")
    return count


def _count_or_none(text):
    return _count(text, least=0)


def command(options):
    """How this run is repeated, without the folders of this machine."""
    words = ["make evaluate DATA=/path/to/test"]
    if options.sets:
        words.append(f'SETS="{" ".join(options.sets)}"')
    if sorted(options.sigmas) != sorted(protocol.SIGMAS):
        words.append(f'SIGMAS="{" ".join(f"{s:g}" for s in options.sigmas)}"')
    return " ".join(words)


def measure(sets, options):
    """Everything that the report shows, as `tables.Results`."""
    models = available_models()
    # First, while the machine is cool and nothing else runs on it.
    times = []
    if options.rounds:
        with workers(1, N_THREADS) as pool:
            times = pool.submit(measure_times, models, options.rounds).result()
    sigmas = sorted(set(options.sigmas))
    photos = [photo for photos in sets.values() for photo in photos]
    clean = clean_cases(photos, sigmas, models)
    noisy = noisy_cases(photos, sigmas, models)
    with workers(options.jobs, n_threads=1) as pool:
        scores, estimates = measuring.measure_all(clean, pool)
        noisy_scores, _ = measuring.measure_all(noisy, pool)
    sizes = {name: len(photos) for name, photos in sets.items()}
    return tables.Results(sizes, sigmas, models, scores, noisy_scores, estimates, times)


def clean_cases(photos, sigmas, models):
    """The cases of the first protocol."""
    compared = methods.compared(models)
    return [
        measuring.Case(photo, sigma, protocol.blurred, compared, tuple(models))
        for photo in photos
        for sigma in sigmas
    ]


def noisy_cases(photos, sigmas, models):
    """The cases of the second protocol."""
    compared = methods.compared_on_noise(models)
    low, high = NOISY_SIGMAS
    return [
        measuring.Case(photo, sigma, protocol.blurred_noisy_jpeg, compared)
        for photo in photos
        for sigma in sigmas
        if low <= sigma <= high
    ]


def _places(results, options):
    """Where the files of the report go, or why they go nowhere."""
    if options.results is not None:
        return {name: options.results / name for name in PUBLISHED}, None
    reason = incomplete(results.sets, results.sigmas, options.rounds)
    return ({}, reason) if reason else (PUBLISHED, None)


def incomplete(sets, sigmas, rounds):
    """Why a run does not replace the published report, or None.

    Parameters
    ----------
    sets : dict of int
        Number of photographs by name.
    sigmas : list of float
    rounds : int
    """
    if sets != PUBLISHED_SETS:
        listed = ", ".join(f"{name} ({n})" for name, n in PUBLISHED_SETS.items())
        return f"the report is of the sets {listed}"
    if sigmas != list(protocol.SIGMAS):
        return "it is of other sigmas"
    if rounds < FULL_ROUNDS:
        return f"there were fewer than {FULL_ROUNDS} rounds"
    return None


def write(places, about, parts, results):
    """Write the report; each file appears whole or not at all."""
    texts = {
        "quality.md": pages.markdown(about, parts).encode(),
        "quality.inc": pages.restructured_text(about, parts).encode(),
    }
    for name, content in texts.items():
        report.write(places[name], content)
    if any(results.sigmas):
        svg = chart.chart(results.sets, results.models, results.scores)
        report.write(places["quality.svg"], svg)
    save_png(places["crops.png"], crops.picture(), overwrite=True)
    for name in places:
        print(f"written: {os.path.relpath(places[name])}")


if __name__ == "__main__":
    main()
