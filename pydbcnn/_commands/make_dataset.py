"""pydbcnn make-dataset: sharp photographs in, stored pairs out."""

from pathlib import Path

from .options import add_quiet, complain, natural, non_negative_float, odd

NAME = "make-dataset"
SUMMARY = "make pairs of sharp and blurred images from sharp photographs"
EXAMPLES = """\
  pydbcnn make-dataset photos pairs --sigma 1.6
  pydbcnn make-dataset photos pairs --sigma 0.5 3.0 --seed 1 --recursive

Interrupted, the same command goes on where it stopped."""


def add_arguments(parser):
    """Declare the arguments."""
    parser.add_argument("sharp_dir", metavar="SHARP_DIR", help="sharp photographs")
    parser.add_argument(
        "out_dir",
        metavar="OUT_DIR",
        type=Path,
        help="new folder: sharp/, blurred/ and manifest.json",
    )
    parser.add_argument(
        "--sigma",
        type=non_negative_float,
        nargs="+",
        required=True,
        metavar="SIGMA",
        help="of the Gaussian in pixels; two values are a range that each image draws "
        "its own from",
    )
    parser.add_argument(
        "--kernel-size",
        type=odd,
        help="odd side of the kernel (default: 4 sigma on every side)",
    )
    parser.add_argument("--seed", type=natural, default=0, help="(default: 0)")
    parser.add_argument(
        "-r", "--recursive", action="store_true", help="with all folders below"
    )
    add_quiet(parser)
    parser.set_defaults(parser=parser)


def run(options):
    """Make the dataset; photographs that fail are named."""
    from ..datasets import make_deblur_dataset

    if len(options.sigma) > 2:
        options.parser.error("--sigma takes one value or two, low and high")
    summary = make_deblur_dataset(
        options.sharp_dir,
        options.out_dir,
        sigma=options.sigma[0] if len(options.sigma) == 1 else tuple(options.sigma),
        kernel_size=options.kernel_size,
        seed=options.seed,
        recursive=options.recursive,
        quiet=options.quiet,
    )
    for message in (*summary.notes, *summary.problems):
        complain(message)
    if not options.quiet:
        kept = f", {summary.n_kept} were there" if summary.n_kept else ""
        failed = f", {len(summary.problems)} failed" if summary.problems else ""
        print(f"{options.out_dir}: {summary.n_made} pairs made{kept}{failed}")
    return 1 if summary.problems else 0
