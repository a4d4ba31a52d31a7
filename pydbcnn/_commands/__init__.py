"""One module a command: its arguments and what it does.

A module has NAME, SUMMARY, EXAMPLES, ``add_arguments(parser)`` and ``run(options)``,
which returns the exit code. What a command does not need it does not import: the
parser of all of them is made at every start.
"""
