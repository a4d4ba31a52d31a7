"""The command ``pydbcnn``: its words, its errors and its exit codes.

0: done. 1: something failed, and was named on standard error. 2: the words of the
command were wrong. 130: interrupted.
"""

import argparse
import sys

from . import __version__
from ._commands import deblur, evaluate, info, make_dataset, train

COMMANDS = (deblur, make_dataset, train, evaluate, info)


def build_parser():
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="pydbcnn",
        description="Blind removal of mild blur from photographs.",
        epilog="'pydbcnn COMMAND --help' explains a command, with examples.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command_parser = commands.add_parser(
            command.NAME,
            help=command.SUMMARY,
            description=f"{command.SUMMARY[0].upper()}{command.SUMMARY[1:]}.",
            epilog=f"examples:\n{command.EXAMPLES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(command_parser)
        command_parser.set_defaults(run=command.run)
    return parser


def main(arguments=None):
    """Run a command.

    Parameters
    ----------
    arguments : list of str, optional
        The words of the command. None takes those of the process.

    Returns
    -------
    status : int
        The exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # names of files may be in any encoding
            stream.reconfigure(errors="backslashreplace")
    parser = build_parser()
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except KeyboardInterrupt:
        print("pydbcnn: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 1
    # What a user can cause arrives as one of these, with a message made for them;
    # anything else is a fault of ours, whose traceback is worth seeing.
    except (
        ValueError,
        TypeError,
        OSError,
        ImportError,
        RuntimeError,
        MemoryError,  # of a GPU, too
    ) as error:
        print(f"pydbcnn: error: {str(error) or 'out of memory'}", file=sys.stderr)
        return 1
