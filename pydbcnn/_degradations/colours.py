"""Which images have colours: grey and RGB images, and what is refused."""

import numpy as np


def shapes_of(X):
    """Shapes (height, width, channels) in checked images, or of rows of pixels."""
    if isinstance(X, np.ndarray):
        return [(1, X.shape[1], 1)]
    return [batch.shape[1:] for batch in X.batches]


def is_rgb(image):
    """Whether an image of shape (height, width[, 1 or 3]) has colours."""
    return image.shape[2:] == (3,)


def check_colours(shapes, who):
    """Raise a ValueError unless all images are grey or RGB."""
    for *_, n_channels in shapes:
        if n_channels in (1, 3):
            continue
        remedy = " Leave the alpha channel out: X[..., :3]." if n_channels == 4 else ""
        raise ValueError(
            f"X has images of {n_channels} channels: {who} takes grey images, with one "
            f"channel or none, and RGB images, with three.{remedy}"
        )
