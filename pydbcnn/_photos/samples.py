"""Samples as arrays, from the decoders of others."""

import numpy as np

from .._pixels.opencv import import_cv2
from .errors import refuse_colours


def fields_of(image):
    """Return what a Pillow image holds as fields of a `Photo`."""
    pixels, alpha = samples_of(image)
    kept = ("exif", "icc_profile", "xmp", "dpi")
    return {"pixels": pixels, "alpha": alpha} | {k: image.info.get(k) for k in kept}


def samples_of(image):
    """Return the pixels and the alpha (or None) of a Pillow image as arrays."""
    plain = {"1": "L", "P": "RGB", "PA": "RGBA", "La": "LA"}
    if image.mode in plain:
        image = image.convert(plain[image.mode])
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        refuse_colours(image.mode)
    return split_alpha(np.array(image))


def decode_with_opencv(data):
    """Return the samples of an encoded picture as RGB or RGBA of its own depth."""
    cv2 = import_cv2()
    # OpenCV 5 moved the two functions.
    log = cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging
    level = log.getLogLevel()
    log.setLogLevel(0)
    try:
        samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        log.setLogLevel(level)
    if samples is None:
        raise ValueError("OpenCV cannot decode it")
    if samples.ndim == 2:
        return samples
    return samples[..., [2, 1, 0, 3][: samples.shape[2]]]


def split_alpha(samples):
    """Return (pixels, alpha), alpha None for one or three channels."""
    if samples.ndim == 2 or samples.shape[2] == 3:
        return np.ascontiguousarray(samples), None
    pixels = samples[..., 0] if samples.shape[2] == 2 else samples[..., :3]
    return np.ascontiguousarray(pixels), np.ascontiguousarray(samples[..., -1])


def joined_samples(photo):
    """Return pixels and alpha as one array, (h, w) or (h, w, channels)."""
    if photo.alpha is None:
        return photo.pixels
    return np.dstack((photo.pixels, photo.alpha))
