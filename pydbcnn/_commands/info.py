"""pydbcnn info: what this installation is and can do."""

NAME = "info"
SUMMARY = "show versions, instruction set, threads, GPU and models"
EXAMPLES = """\
  pydbcnn info
  PYDBCNN_ISA=avx2 pydbcnn info                 with a lower instruction set"""


def add_arguments(parser):
    """There are none."""


def run(options):
    """Print it."""
    from .._versions import show_versions

    show_versions()
    return 0
