"""pydbcnn deblur: photographs in, sharper photographs out."""

from collections import Counter
from pathlib import Path

from .named_blur import read_blur
from .options import (
    add_device,
    add_overwrite,
    add_precision,
    add_quiet,
    complain,
    non_negative_float,
    percentage,
    positive_int,
    with_name,
)

NAME = "deblur"
SUMMARY = "make blurred photographs sharper"
EXAMPLES = """\
  pydbcnn deblur holiday.jpg                    writes holiday_deblurred.jpg
  pydbcnn deblur holiday.jpg -o better.png
  pydbcnn deblur holiday.jpg --sigma 1.5        with a blur that is known
  pydbcnn deblur holiday.jpg --blur motion:5,20 --noise 1
  pydbcnn deblur holiday.jpg --tile-size 128    with a blur that varies over the photo
  pydbcnn deblur 'scans/*.tif' -o restored      writes into the folder restored
  pydbcnn deblur photos --recursive -o restored --overwrite"""

MARK = "_deblurred"


def add_arguments(parser):
    """Declare the arguments."""
    _add_files(parser)
    _add_blur(parser)
    parser.add_argument(
        "--quality",
        type=percentage,
        default=95,
        metavar="1..100",
        help="of JPEG and lossy WebP (default: 95)",
    )
    add_device(parser)
    add_precision(parser)
    add_overwrite(parser, "results")
    add_quiet(parser)


def _add_files(parser):
    parser.add_argument(
        "photos",
        nargs="+",
        metavar="PHOTO",
        help="file, folder or pattern: JPEG, PNG, TIFF, WebP; 8 or 16 bit; grey or "
        "colour, alpha is kept as it is",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        type=Path,
        help="file for one photo, or folder for several; without it, each result goes "
        f"beside its photo as NAME{MARK}",
    )
    parser.add_argument(
        "-r", "--recursive", action="store_true", help="folders with all below them"
    )


def _add_blur(parser):
    parser.add_argument(
        "-m",
        "--model",
        default="mild",
        help="a model that ships with pydbcnn, or a file (default: mild)",
    )
    parser.add_argument(
        "--sigma",
        type=non_negative_float,
        help="of a round Gaussian blur in pixels, where it is known (default: "
        "estimated from each photo, and photos that look sharp are left as they are)",
    )
    parser.add_argument(
        "--blur",
        metavar="BLUR",
        help="the blur, where it is known: gaussian:SIGMA, gaussian:SIGMA,SIGMA,ANGLE, "
        "defocus:RADIUS, motion:LENGTH,ANGLE in pixels and degrees counter-clockwise "
        "from the rows; or a file with a kernel of at most 41 x 41 pixels: a picture, "
        "whose levels are divided by their sum, or JSON as Blur.to_json writes it",
    )
    parser.add_argument(
        "--noise",
        type=non_negative_float,
        metavar="LEVELS",
        help="standard deviation of the noise, where it is known, in levels of 8 bits "
        "(default: as little as the model has learned with)",
    )
    parser.add_argument(
        "--strength",
        type=non_negative_float,
        default=1.0,
        help="how much of the blur is undone, 0 to 2 (default: 1, all of it)",
    )
    parser.add_argument(
        "--tile-size",
        type=positive_int,
        metavar="PIXELS",
        help="estimate the blur of tiles of this side one by one, for a blur that "
        "varies over the photo (default: one for the whole photo)",
    )


def run(options):
    """Restore the photographs; one that fails is named, and the rest goes on."""
    from .restorer import Restorer

    jobs, n_failed = plan(options)
    if not jobs:
        return 1
    restorer = Restorer(options.model, options.device, options.precision)
    wanted = _wanted(options)
    restorer.trained.check(**wanted)
    _warn_of_wide_blur(wanted, restorer.trained)
    n_done = _restore_all(jobs, restorer, wanted, options)
    n_failed += len(jobs) - n_done
    if not options.quiet:
        print(f"{n_done} restored" + (f", {n_failed} failed" if n_failed else ""))
    return 1 if n_failed else 0


def _wanted(options):
    """What the options say of blur and noise, as `DeblurModel.check` takes it."""
    return dict(
        sigma=options.sigma,
        blur=None if options.blur is None else read_blur(options.blur),
        noise=options.noise,
        strength=options.strength,
        tile_size=options.tile_size,
    )


def _warn_of_wide_blur(wanted, model):
    """Say so where the layers have not learned from a blur that is as wide."""
    strongest = model.weights.sigma_range[1]
    sigma, blur = wanted["sigma"], wanted["blur"]
    if sigma is not None and sigma > strongest:
        complain(
            f"--sigma {sigma:g} is beyond the {strongest:g} pixels that the model has "
            f"learned from, and counts as {strongest:g}"
        )
    if blur is not None and blur.sigma > strongest:
        complain(
            f"--blur: this blur is as wide as a Gaussian of sigma {blur.sigma:.2g} "
            f"pixels, beyond the {strongest:.2g} that the model has learned from: its "
            "filter undoes it, and its layers take it for as wide as that"
        )


def plan(options):
    """Pairs of photo and result, and the number of problems, which were named."""
    from .._photos import find_photos

    photos, problems = find_photos(options.photos, recursive=options.recursive)
    for problem in problems:
        complain(problem)
    photos = _without_results(photos, options.photos)
    jobs = _with_results(photos, options)
    problems += _conflicts(jobs)
    taken = Counter(result for _, result in jobs)
    jobs = [
        (photo, result)
        for photo, result in jobs
        if taken[result] == 1 and not _same_file(photo, result)
    ]
    return jobs, len(problems)


def _without_results(photos, named):
    """Leave out what an earlier run wrote into a folder, unless it is named."""
    named = {Path(name) for name in named}
    kept = [
        photo for photo in photos if not photo.stem.endswith(MARK) or photo in named
    ]
    if len(kept) < len(photos):
        complain(
            f"{len(photos) - len(kept)} result(s) of an earlier run (*{MARK}.*) are "
            "left out; name them one by one to restore them again"
        )
    return kept


def _with_results(photos, options):
    output = options.output
    if output is None:
        return [
            (photo, photo.with_name(f"{photo.stem}{MARK}{photo.suffix}"))
            for photo in photos
        ]
    if _is_one_file(photos, options):
        return [(photo, output) for photo in photos]
    roots = [Path(name) for name in options.photos if Path(name).is_dir()]
    return [(photo, output / _place_below(photo, roots)) for photo in photos]


def _is_one_file(photos, options):
    from .._photos import FORMAT_OF_SUFFIX

    output = options.output
    if output.is_dir():
        return False
    if output.suffix.lower() in FORMAT_OF_SUFFIX:
        if len(photos) > 1:
            raise ValueError(
                f"{output} is a file, but {len(photos)} photos are to be restored: "
                "pass a folder with -o."
            )
        return True
    if output.suffix and len(photos) == 1 and len(options.photos) == 1:
        if Path(options.photos[0]).is_dir():
            return False
        raise ValueError(
            f"{output}: the suffix {output.suffix!r} is no format of photographs; use "
            f"{', '.join(FORMAT_OF_SUFFIX)}."
        )
    return False


def _place_below(photo, roots):
    for root in roots:
        if photo.is_relative_to(root):
            return photo.relative_to(root)
    return photo.name


def _conflicts(jobs):
    """Results that would replace their photo or each other: named, and left out."""
    problems = [
        f"{photo}: the result would replace the photo itself; choose another with -o"
        for photo, result in jobs
        if _same_file(photo, result)
    ]
    for result, count in Counter(result for _, result in jobs).items():
        if count > 1:
            names = ", ".join(str(photo) for photo, place in jobs if place == result)
            problems.append(f"{names}: all would become {result}; restore them apart")
    for problem in problems:
        complain(problem)
    return problems


def _same_file(photo, result):
    return result.exists() and result.samefile(photo)


def _restore_all(jobs, restorer, wanted, options):
    from .._progress import progress_bar

    n_done = 0
    with progress_bar(
        total=len(jobs),
        disable=options.quiet,
        unit=" photos",
        bar_format="{l_bar}{bar}| {n:.1f}/{total:.0f}{unit} [{elapsed}<{remaining}]",
    ) as bar:
        for number, (photo, result) in enumerate(jobs):
            bar.set_description(photo.name[:30], refresh=False)
            try:
                _restore_one(photo, result, restorer, wanted, options, bar.update)
                n_done += 1
            except (ValueError, TypeError, OSError, MemoryError) as error:
                complain(with_name(error, photo))
            bar.update(number + 1 - bar.n)
    return n_done


def _restore_one(photo_path, result, restorer, wanted, options, advance):
    from .._files import refuse_existing
    from .._photos import check_writable_format, read_photo, write_photo

    refuse_existing(result, overwrite=options.overwrite)
    photo = read_photo(photo_path)
    check_writable_format(result, photo)
    n_pixels = photo.pixels.shape[0] * photo.pixels.shape[1]
    restored = restorer.restore(
        photo.pixels,
        lambda done: advance(done / n_pixels),
        **wanted,
    )
    result.parent.mkdir(parents=True, exist_ok=True)
    write_photo(
        result,
        photo.with_pixels(restored),
        overwrite=options.overwrite,
        quality=options.quality,
    )
    for note in photo.notes:
        complain(f"{photo_path}: {note}")
