"""The text of the kernels, as one file."""

from functools import cache
from importlib.resources import files

COMPILE_OPTIONS = ("-std=c++17",)
_INCLUDE = '#include "'


@cache
def kernel_source():
    """``kernels.cu`` with the text of what it includes in its place.

    CuPy keeps compiled kernels under a digest of this text: it has to be all there.
    Compilers count lines in the files that it comes from.
    """
    folder = files(__package__) / "kernels"
    lines = ['#line 1 "kernels.cu"']
    text = (folder / "kernels.cu").read_text("utf-8")
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(_INCLUDE):
            name = line.removeprefix(_INCLUDE).rstrip('"')
            lines.append(f'#line 1 "{name}"')
            lines.append((folder / name).read_text("utf-8"))
            line = f'#line {number + 1} "kernels.cu"'
        lines.append(line)
    return "\n".join(lines)
