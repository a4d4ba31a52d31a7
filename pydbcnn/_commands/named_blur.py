"""The blur that the argument --blur names."""

from pathlib import Path

_KINDS = {"gaussian": (1, 3), "defocus": (1,), "motion": (2,)}
_EXAMPLES = (
    "gaussian:1.6, gaussian:2.5,1,30, defocus:2.5, motion:5,20, or a file with a kernel"
)


def read_blur(text):
    """A blur from its name, or from a file.

    Parameters
    ----------
    text : str
        A kind and its numbers, such as "motion:5,20", or a path.

    Returns
    -------
    blur : Blur

    Raises
    ------
    ValueError
        When it is neither, or names a blur that there is not.
    OSError
        When a file cannot be read.
    """
    kind, colon, numbers = text.partition(":")
    if colon and kind in _KINDS:
        return _named(text, kind, numbers)
    path = Path(text)
    if not path.exists():
        raise ValueError(
            f"--blur {text}: no such kind of blur, and no such file; write {_EXAMPLES}."
        )
    return _from_json(path) if path.suffix.lower() == ".json" else _from_picture(path)


def _named(text, kind, numbers):
    from .._blur.blur import Blur

    try:
        values = [float(number) for number in numbers.split(",")]
    except ValueError:
        values = []
    if len(values) not in _KINDS[kind]:
        expected = " or ".join(map(str, _KINDS[kind]))
        raise ValueError(
            f"--blur {text}: a blur of the kind {kind} has {expected} number(s), with "
            f"commas between them; write {_EXAMPLES}."
        )
    try:
        return getattr(Blur, kind)(*values)
    except ValueError as error:
        raise ValueError(f"--blur {text}: {error}") from None


def _from_json(path):
    from .._blur.blur import Blur

    try:
        return Blur.from_json(path.read_text("utf-8"))
    except (ValueError, TypeError) as error:
        raise ValueError(f"--blur {path}: {error}") from None


def _from_picture(path):
    """The kernel in a picture, whose levels are divided by their sum."""
    from .._blur.blur import Blur
    from .._photos import read_photo
    from .._pixels.values import luminance

    pixels = read_photo(path).pixels
    levels = pixels.astype(float) if pixels.ndim == 2 else luminance(pixels)
    if not levels.any():
        raise ValueError(f"--blur {path}: the picture is black, and no kernel.")
    try:
        blur = Blur.from_kernel(levels / levels.sum())
    except ValueError as error:
        raise ValueError(f"--blur {path}: {error}") from None
    down, across = map(round, blur.offset)
    if down or across:
        raise ValueError(
            f"--blur {path}: the centroid of this kernel lies {down} pixel(s) below "
            f"and {across} to the right of its centre, so that undoing it would move "
            "the photo by as much: move the kernel in its picture until it is centred."
        )
    return blur
