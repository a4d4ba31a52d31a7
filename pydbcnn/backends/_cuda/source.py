"""The text of the kernels, as one file."""

from functools import cache
from importlib.resources import files

COMPILE_OPTIONS = ("-std=c++17",)
_INCLUDE = '#include "'


@cache
def kernel_source():
    """``kernels.cu`` with the text of what it includes in its place.

    CuPy keeps compiled kernels under a digest of this text: it has to be all there.
    """
    folder = files(__package__)
    lines = []
    for line in (folder / "kernels.cu").read_text("utf-8").splitlines():
        if line.startswith(_INCLUDE):
            name = line.removeprefix(_INCLUDE).rstrip('"')
            line = (folder / name).read_text("utf-8")
        lines.append(line)
    return "\n".join(lines)
