"""OpenCV, or an error that says what to install, and the names of its borders."""

BORDER_MODES = {"reflect101", "reflect", "replicate", "constant"}  # OpenCV's names


def border_type(border_mode):
    """OpenCV's number for one of `BORDER_MODES`."""
    return getattr(import_cv2(), f"BORDER_{border_mode.upper()}")


def import_cv2():
    """OpenCV, or an error that says what to install."""
    try:
        import cv2
    except ImportError as error:
        raise ImportError(
            f"OpenCV cannot be imported: {error}. On a machine without a screen, "
            "'pip uninstall opencv-python' and 'pip install opencv-python-headless' "
            "gives the same functions without the libraries for windows."
        ) from error
    return cv2
