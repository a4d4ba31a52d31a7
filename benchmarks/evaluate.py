"""Compare models with other methods, names of blurs with the truth, and filters.

python benchmarks/evaluate.py DATA [--sets Set5] [--sigmas 0.8 1.6] [--only naming]
    [--photos FOLDER] [--results DIR]
"""

import argparse
import datetime
import os
from pathlib import Path

import machine
import report
from quality import (
    chart,
    crops,
    filtering,
    filtering_tables,
    filtering_times,
    measuring,
    methods,
    naming,
    naming_tables,
    pages,
    protocol,
    tables,
)
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
PUBLISHED_NAMING = {
    "naming.md": ROOT / "benchmarks" / "results" / "naming.md",
    "naming.inc": ROOT / "docs" / "naming.inc",
}
NAMING_TITLE = "Names of blurs"
PUBLISHED_FILTERING = {
    "filtering.md": ROOT / "benchmarks" / "results" / "filtering.md",
    "filtering.inc": ROOT / "docs" / "filtering.inc",
}
FILTERING_TITLE = "Blur and noise given"
PUBLISHED_SETS = {"Set5": 5, "McMaster": 18, "CBSD68": 68}
NOISY_SIGMAS = (1.2, 2.4)
FULL_ROUNDS = 5
FILTER_ROUNDS = 4  # of times of filters, which are short, for each of the others
MAX_SIGMA = 8  # whose kernel is as wide as the margin around a photograph
PACKAGES = ("pydbcnn", "numpy", "scipy", "opencv-python", "scikit-image", "pillow")


def main(arguments=None):
    """Measure, print the tables and write what is to be published."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.photos and options.only not in (None, "naming"):
        parser.error(f"--photos: names of blurs are left out by --only {options.only}")
    try:
        sets = find_sets(options.data, options.sets)
        files = naming.find_files(options.photos)
    except ValueError as error:
        parser.error(str(error))
    if options.only in (None, "restoring"):
        report_restoring(sets, options)
    if options.only in (None, "naming"):
        report_naming(sets, files, options)
    if options.only in (None, "filtering"):
        report_filtering(sets, options)


def report_restoring(sets, options):
    """What the models make of blurred photographs, beside other methods."""
    start = machine.core_seconds()
    results = measure(sets, options)
    about = _about(options, start)
    parts = tables.parts(results)
    print(pages.markdown(about, parts))
    reason = incomplete(results.sets, results.sigmas, options.rounds)
    if places := _places(PUBLISHED, reason, options):
        write(places, about, parts, results)


def report_naming(sets, files, options):
    """What is read of blurs that are known, and of photographs of which nothing is."""
    start = machine.core_seconds()
    results = measure_naming(sets, files, options)
    about = _about(options, start)
    parts = naming_tables.parts(results)
    of_files = [naming_tables.files_part(results.files)] if results.files else []
    text = pages.markdown(about, parts + of_files, NAMING_TITLE, naming_tables.PROTOCOL)
    print(text)
    reason = incomplete_sets(results.sets)
    if places := _places(PUBLISHED_NAMING, reason, options):
        # Photographs of someone's own belong into no report but someone's own.
        write_naming(places, about, parts + (of_files if options.results else []))


def report_filtering(sets, options):
    """What filters and models make of photographs whose blur and noise are given."""
    start = machine.core_seconds()
    results = measure_filtering(sets, options)
    about = _about(options, start)
    parts = filtering_tables.parts(results)
    protocol = filtering_tables.PROTOCOL
    print(pages.markdown(about, parts, FILTERING_TITLE, protocol))
    reason = incomplete_sets(results.sets) or incomplete_rounds(options.rounds)
    if places := _places(PUBLISHED_FILTERING, reason, options):
        write_filtering(places, about, parts)


def _about(options, start):
    return {
        "date": datetime.date.today().isoformat(),
        "command": command(options),
        **machine.describe(start, PACKAGES),
    }


def build_parser():
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="A complete run, over all sets of the report and all sigmas, replaces "
        "the published reports: benchmarks/results/quality.md, docs/quality.inc and "
        "two pictures in docs/images; benchmarks/results/naming.md and "
        "docs/naming.inc; benchmarks/results/filtering.md and docs/filtering.inc. Any "
        "other run prints its tables and writes nothing, unless --results names a "
        "folder.",
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
        help="of the blur to be restored, in pixels (default: %(default)s)",
    )
    add("--jobs", type=_count, default=usable_processors(), help="processes at once")
    add(
        "--rounds",
        type=_count_or_none,
        default=FULL_ROUNDS,
        help="calls that are timed, 0 for none (default: %(default)s)",
    )
    add(
        "--only",
        choices=["restoring", "naming", "filtering"],
        help="one of the three reports: what restoring reaches, how well blurs are "
        "named, or what is made of blur and noise that are given (default: all)",
    )
    add(
        "--photos",
        nargs="+",
        type=Path,
        default=[],
        metavar="FOLDER",
        help="folders of photographs whose blur nobody knows: what is read of them is "
        "printed, and written where --results says",
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
    if options.only:
        words.append(f"ONLY={options.only}")
    if options.photos:
        words.append("PHOTOS=/path/to/photos")
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


def measure_naming(sets, files, options):
    """Everything that the report on names shows, as `naming_tables.NamingResults`."""
    with workers(options.jobs, n_threads=1) as pool:
        readings = naming.read_cases(naming.naming_cases(sets), pool)
        file_readings = naming.read_files(files, pool)
    sizes = {name: len(photos) for name, photos in sets.items()}
    return naming_tables.NamingResults(sizes, readings, file_readings)


def measure_filtering(sets, options):
    """Everything that the report on filters shows, as a `FilteringResults`."""
    times, making = [], []
    if options.rounds:
        rounds = FILTER_ROUNDS * options.rounds
        with workers(1, n_threads=1) as pool:
            times = pool.submit(filtering_times.measure_filters, rounds).result()
            making = pool.submit(filtering_times.measure_making, rounds).result()
    models = filtering.told_models(available_models())
    cases = filtering.filtering_cases(sets, models)
    with workers(options.jobs, n_threads=1) as pool:
        measured = filtering.measure_cases(cases, pool)
        drp = filtering.measure_cases(filtering.drp_cases(sets), pool)
    sizes = {name: len(photos) for name, photos in sets.items()}
    return filtering_tables.FilteringResults(sizes, measured, drp, times, making)


def _places(published, reason, options):
    """Where the files of a report go; empty if nowhere, after saying why."""
    if options.results is not None:
        return {name: options.results / name for name in published}
    if reason:
        print(f"Nothing was written, since {reason}: --results DIR takes any report.")
        return {}
    return published


def incomplete(sets, sigmas, rounds):
    """Why a run does not replace the published report, or None.

    Parameters
    ----------
    sets : dict of int
        Number of photographs by name.
    sigmas : list of float
    rounds : int
    """
    if reason := incomplete_sets(sets):
        return reason
    if sigmas != list(protocol.SIGMAS):
        return "it is of other sigmas"
    return incomplete_rounds(rounds)


def incomplete_rounds(rounds):
    """Why times of so many rounds are not published, or None."""
    return (
        f"there were fewer than {FULL_ROUNDS} rounds" if rounds < FULL_ROUNDS else None
    )


def incomplete_sets(sets):
    """Why these sets are not those of the published reports, or None."""
    if sets == PUBLISHED_SETS:
        return None
    listed = ", ".join(f"{name} ({n})" for name, n in PUBLISHED_SETS.items())
    return f"the report is of the sets {listed}"


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
    _say_written(places)


def write_naming(places, about, parts):
    """Write the report on names; each file appears whole or not at all."""
    _write_texts(places, about, parts, NAMING_TITLE, naming_tables.PROTOCOL)


def write_filtering(places, about, parts):
    """Write the report on filters; each file appears whole or not at all."""
    _write_texts(places, about, parts, FILTERING_TITLE, filtering_tables.PROTOCOL)


def _write_texts(places, about, parts, title, protocol):
    """Write a report that is text alone, in the form that the name of a file says."""
    texts = {
        ".md": pages.markdown(about, parts, title, protocol),
        ".inc": pages.restructured_text(about, parts, protocol),
    }
    for path in places.values():
        report.write(path, texts[path.suffix].encode())
    _say_written(places)


def _say_written(places):
    for path in places.values():
        print(f"written: {os.path.relpath(path)}")


if __name__ == "__main__":
    main()
