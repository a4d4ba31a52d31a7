"""pydbcnn evaluate: how much closer to the truth a model brings images."""

import json
from pathlib import Path

from .options import add_device, add_overwrite, add_precision, add_quiet, natural

NAME = "evaluate"
SUMMARY = "measure a model on a dataset of pairs"
EXAMPLES = """\
  pydbcnn evaluate mild pairs
  pydbcnn evaluate mine.safetensors pairs --json > scores.json
  pydbcnn evaluate mild pairs --html report.html

PSNR and SSIM are those of the luminance without 8 pixels of border, as in the
literature; --rgb and --border change that."""


def add_arguments(parser):
    """Declare the arguments."""
    parser.add_argument(
        "model", metavar="MODEL", help="a model that ships with pydbcnn, or a file"
    )
    parser.add_argument(
        "dataset", metavar="DATASET_DIR", type=Path, help="made by make-dataset"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, not a table")
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="write a report with the images before, after and sharp",
    )
    parser.add_argument(
        "--rgb", action="store_true", help="measure all channels, not the luminance"
    )
    parser.add_argument(
        "--border", type=natural, default=8, help="pixels left out (default: 8)"
    )
    add_device(parser)
    add_precision(parser)
    add_overwrite(parser, "a report")
    add_quiet(parser)


def run(options):
    """Evaluate, then print and write what was asked for."""
    from .._files import check_folder, refuse_existing, write_whole
    from ..datasets import load_deblur_dataset
    from .report import evaluate, report_as_html, table
    from .restorer import Restorer

    if options.html:
        refuse_existing(options.html, overwrite=options.overwrite)
        check_folder(options.html)
    restorer = Restorer(options.model, options.device, options.precision)
    dataset = load_deblur_dataset(options.dataset, quiet=options.quiet)
    result = evaluate(
        restorer,
        dataset,
        luminance_only=not options.rgb,
        border=options.border,
        quiet=options.quiet,
    )
    if options.html:
        report = report_as_html(result, dataset, restorer)
        content = report.encode(errors="xmlcharrefreplace")
        write_whole(options.html, content, overwrite=options.overwrite)
    if options.json:
        print(json.dumps(result, indent=1))
    elif not options.quiet or not options.html:
        print(table(result))
    return 0
