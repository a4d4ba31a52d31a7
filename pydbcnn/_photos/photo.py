"""A photograph in memory."""

import dataclasses
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph and what its file says about it.

    Parameters
    ----------
    pixels : ndarray of shape (h, w) or (h, w, 3)
        Grey or RGB, uint8 or uint16, in the orientation in which they are stored.
    alpha : ndarray of shape (h, w) or None
        Opacity, of the type of `pixels`.
    format : {"JPEG", "PNG", "TIFF", "WEBP"}
        The format it was read from.
    exif : bytes or None
        The EXIF data as a TIFF structure, without the prefix ``Exif``. They hold the
        orientation, which is never applied to the pixels.
    icc_profile, xmp : bytes or None
        The colour profile and the XMP packet.
    dpi : (float, float) or None
        Resolution across and down, in pixels an inch.
    subsampling : {0, 1, 2} or None
        Chroma resolution of a JPEG: 4:4:4, 4:2:2 or 4:2:0.
    lossless : bool
        Whether its file kept every sample. Decides how WebP is written.
    photoshop : bytes or None
        The image resources of a JPEG or TIFF, among them captions and keywords.
    comment : bytes or None
        The comment of a JPEG.
    png_chunks : tuple of (bytes, bytes)
        Further chunks of a PNG that describe colours or carry text.
    notes : tuple of str
        What else was in its file and is not kept, in plain sentences such as "the
        HDR gain map is not kept".

    Raises
    ------
    ValueError
        When shapes or types are others than these.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    format: str = "PNG"
    exif: bytes | None = None
    icc_profile: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    subsampling: int | None = None
    lossless: bool = True
    photoshop: bytes | None = None
    comment: bytes | None = None
    png_chunks: tuple[tuple[bytes, bytes], ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        _check_samples(self.pixels, self.alpha)
        for name in ("pixels", "alpha"):
            samples = getattr(self, name)
            if samples is not None:
                object.__setattr__(self, name, np.ascontiguousarray(samples))

    def with_pixels(self, pixels):
        """Return this photograph with other pixels and all else as it is.

        Parameters
        ----------
        pixels : ndarray of the shape of `pixels` so far
            uint8 or uint16; with an alpha channel, of the type of that.

        Raises
        ------
        ValueError
            When the shape is another: alpha and colour profile would not fit.
        """
        if pixels.shape != self.pixels.shape:
            raise ValueError(
                f"New pixels have the shape {pixels.shape}, expected "
                f"{self.pixels.shape} as before: keep the size and the channels."
            )
        return dataclasses.replace(self, pixels=pixels)


def _check_samples(pixels, alpha):
    colours = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if pixels.dtype not in (np.uint8, np.uint16) or not colours or not pixels.size:
        raise ValueError(
            f"Pixels have the shape {pixels.shape} and the type {pixels.dtype}, "
            "expected (h, w) or (h, w, 3) of uint8 or uint16: convert them."
        )
    if alpha is not None and (
        alpha.shape != pixels.shape[:2] or alpha.dtype != pixels.dtype
    ):
        raise ValueError(
            f"Alpha has the shape {alpha.shape} and the type {alpha.dtype}, expected "
            f"{pixels.shape[:2]} and {pixels.dtype} as the pixels: convert it."
        )
