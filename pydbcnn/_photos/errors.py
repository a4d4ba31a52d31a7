"""How photographs are refused: what was found, what was expected, what to do."""

# Room for the largest cameras and for stitched panoramas, while a file of a few
# kilobytes that claims more cannot exhaust the memory.
MAX_PIXELS = 512_000_000
MAX_METADATA = 64 * 2**20


class PhotoError(ValueError):
    """A photograph that cannot be read or written, with the reason and a remedy."""


class Refusal(ValueError):
    """The reason alone, from code that does not know the name of the file."""

    def __init__(self, found, expected, remedy):
        super().__init__(f"found {found}, expected {expected}; {remedy}.")


def photo_error(path, found, expected, remedy):
    """Return the error that names a file and the reason."""
    return PhotoError(f"{path}: {Refusal(found, expected, remedy)}")


def access_error(path, error):
    """Return the error for a file or folder that the system does not open."""
    found = f"no access ({error.strerror})"
    return photo_error(path, found, "a readable file", "check who may read it")


def refuse_too_many_pixels(width, height):
    """Raise `Refusal` when a header announces more than `MAX_PIXELS`."""
    if width * height > MAX_PIXELS:
        raise Refusal(
            f"{width} x {height} pixels",
            f"at most {MAX_PIXELS} in all",
            "cut the photograph into smaller pieces",
        )


def refuse_colours(name):
    """Raise `Refusal` for colours that are neither grey nor RGB."""
    raise Refusal(
        f"{name} colours", "grey or RGB", "convert the photograph to RGB first"
    )


def refuse_frames(count):
    """Raise `Refusal` for animations and documents of several pages."""
    raise Refusal(
        f"{count} frames or pages", "one image", "save the frame you want by itself"
    )
