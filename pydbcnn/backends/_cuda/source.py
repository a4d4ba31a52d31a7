"""The source of all kernels, as one text for the compiler."""

from functools import cache
from importlib.resources import files

COMPILE_OPTIONS = ("-std=c++17",)
_INCLUDE = '#include "'


@cache
def kernel_source():
    """The text of ``kernels.cu``, in which each include is replaced by its file.

    CuPy finds compiled kernels in its cache by a digest of this text, so a change in
    any file has to change the text. ``#line`` makes the messages of the compiler name
    the file and the line where a piece comes from.
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
