"""pydbcnn info: the blur and noise of photographs, or what this installation can do."""

import sys

from .options import add_quiet, complain, positive_int, with_name

NAME = "info"
SUMMARY = "tell the blur and noise of photographs, or what this installation can do"
EXAMPLES = """\
  pydbcnn info                                  versions, threads, GPU and models
  PYDBCNN_ISA=avx2 pydbcnn info                 with a lower instruction set
  pydbcnn info holiday.jpg                      which blur it has, and how noisy it is
  pydbcnn info photos --sort blur               the sharpest photographs first
  pydbcnn info photos --recursive --csv > blurs.csv
  pydbcnn info holiday.jpg --tile-size 512      of its parts, too"""

_FORMATS = ("text", "json", "csv")


def add_arguments(parser):
    """Declare the arguments."""
    parser.add_argument(
        "photos",
        nargs="*",
        metavar="PHOTO",
        help="file, folder or pattern, as for deblur; without any, show versions, "
        "instruction set, threads, GPU and models",
    )
    parser.add_argument(
        "-r", "--recursive", action="store_true", help="folders with all below them"
    )
    parser.add_argument(
        "--tile-size",
        type=positive_int,
        metavar="PIXELS",
        help="look at tiles of this side one by one, too, for a blur that varies over "
        "the photo",
    )
    _add_order(parser)
    _add_format(parser)
    add_quiet(parser)


def _add_order(parser):
    parser.add_argument(
        "--sort",
        choices=("name", "blur", "noise"),
        help="by name, from sharp to blurred, or from clean to noisy (default: as they "
        "are named, and printed one by one)",
    )
    parser.add_argument(
        "--reverse", action="store_true", help="sort the other way round"
    )


def _add_format(parser):
    parser.add_argument(
        "--format",
        choices=_FORMATS,
        default="text",
        help="what to print (default: text)",
    )
    for name in ("json", "csv"):
        parser.add_argument(
            f"--{name}",
            dest="format",
            action="store_const",
            const=name,
            help=f"the same as --format {name}",
        )


def run(options):
    """Print it; a photograph that cannot be read is named, and the rest goes on."""
    if not options.photos:
        return _show_installation(options)
    from .._blur_estimation.tiles import check_tile_size
    from .._photos import find_photos
    from .blur_report import report_lines, sorted_readings

    if options.tile_size is not None:
        check_tile_size(options.tile_size)
    if options.reverse and not options.sort:
        raise ValueError("--reverse turns an order round: name one with --sort.")
    photos, problems = find_photos(options.photos, recursive=options.recursive)
    for problem in problems:
        complain(problem)
    if options.sort == "name":
        photos.sort(key=str, reverse=options.reverse)
    failed = []
    readings = _read_all(photos, options, failed)
    if options.sort in ("blur", "noise"):
        readings = sorted_readings(readings, options.sort, reverse=options.reverse)
    width = max((len(str(photo)) for photo in photos), default=0)
    for line in report_lines(readings, options.format, width, options.tile_size):
        _print(line)
    return 1 if problems or failed else 0


def _show_installation(options):
    from .._versions import show_versions

    if options.format != "text" or options.sort or options.tile_size or options.reverse:
        raise ValueError(
            "--format, --sort, --reverse and --tile-size are about photographs, and "
            "none is named: name a file or a folder."
        )
    show_versions()
    return 0


def _read_all(photos, options, failed):
    """Readings of photographs, one after the other; those that fail are named."""
    from .._progress import progress_bar

    hidden = options.quiet or not sys.stderr.isatty()
    with progress_bar(total=len(photos), disable=hidden, unit=" photos") as bar:
        for photo in photos:
            bar.set_description(photo.name[:30], refresh=False)
            try:
                reading = _read(photo, options.tile_size)
            except (ValueError, TypeError, OSError, MemoryError) as error:
                complain(with_name(error, photo))
                failed.append(photo)
            else:
                yield reading
            bar.update()


def _read(path, tile_size):
    from .._blur_estimation.naming import estimate_blur
    from .._photos import read_photo
    from .blur_report import Reading

    pixels = read_photo(path).pixels
    (blur,) = estimate_blur([pixels])
    tiles = estimate_blur([pixels], tile_size=tile_size)[0] if tile_size else None
    height, width = pixels.shape[:2]
    return Reading(path, width, height, blur, tiles)


def _print(line):
    """A line on standard output at once, above any progress bar."""
    from tqdm import tqdm

    tqdm.write(line, file=sys.stdout)
    sys.stdout.flush()
