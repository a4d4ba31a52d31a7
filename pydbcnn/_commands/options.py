"""Arguments that several commands share, and how they are read."""

import argparse
import math
import sys

from ..backends import DEVICES, PRECISIONS


def add_quiet(parser):
    """--quiet"""
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="no progress bars, no summary"
    )


def add_overwrite(parser, what):
    """--overwrite"""
    parser.add_argument(
        "--overwrite", action="store_true", help=f"replace {what} that exist already"
    )


def add_device(parser):
    """--device"""
    parser.add_argument(
        "--device",
        choices=DEVICES,
        default="auto",
        help="where to compute: auto takes a GPU if there is one that can be used, and "
        "'pydbcnn info' says why not (default: auto)",
    )


def add_precision(parser):
    """--precision"""
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="what to compute in: tf32 needs a GPU; bfloat16 is the fastest there, and "
        "where the processor has AMX; float64 is slow and for checking (default: what "
        "the model says, else float32)",
    )


def positive_int(text):
    """An integer of at least 1."""
    return _number(text, int, lambda value: value >= 1, "an integer of at least 1")


def natural(text):
    """An integer of at least 0."""
    return _number(text, int, lambda value: value >= 0, "an integer of at least 0")


def positive_float(text):
    """A number above 0."""
    return _number(text, float, lambda value: value > 0, "a number above 0")


def non_negative_float(text):
    """A number of at least 0."""
    return _number(text, float, lambda value: value >= 0, "a number of at least 0")


def fraction(text):
    """A number between 0 and 1."""
    return _number(text, float, lambda value: 0 < value < 1, "between 0 and 1")


def percentage(text):
    """An integer from 1 to 100."""
    return _number(
        text, int, lambda value: 1 <= value <= 100, "an integer from 1 to 100"
    )


def odd(text):
    """An odd integer of at least 1."""
    return _number(
        text, int, lambda value: value >= 1 and value % 2 == 1, "an odd integer above 0"
    )


def _number(text, kind, allowed, expectation):
    try:
        value = kind(text)
        fits = math.isfinite(value) and allowed(value)
    except (ValueError, OverflowError):
        fits = False
    if not fits:
        raise argparse.ArgumentTypeError(f"{text!r}: expected {expectation}")
    return value


def complain(message):
    """Name a problem on standard error, above any progress bar."""
    from tqdm import tqdm

    tqdm.write(f"pydbcnn: {message}", file=sys.stderr)


def with_name(error, path):
    """The message of an error, which says what file it is about."""
    message = str(error) or type(error).__name__
    return message if str(path) in message else f"{path}: {message}"
