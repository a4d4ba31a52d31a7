"""Images under known blurs, for what estimates the blur of the models that ship."""

import numpy as np

from pydbcnn import (
    BlurEstimator,
    DefocusBlurTransformer,
    GaussianBlurTransformer,
    JPEGTransformer,
    MotionBlurTransformer,
    NoiseTransformer,
)
from pydbcnn._blur_estimation.pair import sigma_of_pair
from pydbcnn._pixels.opencv import import_cv2
from pydbcnn._pixels.values import luminance

SMALLEST = 120  # pixels of a side: less hardly tells how blurred it is
SIGMAS = (0.2, 3.4)
SHARP = 0.1  # share of the examples
GREY = 0.25
# Photographs differ in how sharp they are before any blur: reduced ones are sharper.
# (Enlarged ones, which are softer, made estimates of all others too low.)
REDUCED = 0.4
SIZES = (0.5, 1.0)


def train_blur_estimator(photos, n_draws, *, cameras=False, seed=0):
    """What estimates the blur of photographs.

    Parameters
    ----------
    photos : list of array of shape (height, width, 3), uint8
        Sharp.
    n_draws : int
        Examples of each photograph.
    cameras : bool, default=False
        Whether half of the examples have other blurs than Gaussian ones, noise and
        JPEG, too.
    seed : int, default=0

    Returns
    -------
    estimator : BlurEstimator
    """
    random_state = np.random.RandomState(seed)
    images, sigmas = [], []
    for _ in range(n_draws):
        for photo in photos:
            sharp = resized(photo, random_state)
            if cameras and random_state.uniform() < 0.5:
                image, sigma = through_a_camera(sharp, random_state)
            else:
                image, sigma = through_a_gaussian(sharp, random_state)
            if random_state.uniform() < GREY:
                image = as_grey(image)
            images.append(image)
            sigmas.append(sigma)
    return BlurEstimator(random_state=seed).fit(images, sigmas)


def resized(photo, random_state):
    """A photograph as it is, or a smaller one that is not too small."""
    cv2 = import_cv2()
    is_reduced = random_state.uniform() < REDUCED
    size = random_state.uniform(*SIZES)
    if not is_reduced or min(photo.shape[:2]) * size < SMALLEST:
        return photo
    return cv2.resize(photo, None, fx=size, fy=size, interpolation=cv2.INTER_AREA)


def through_a_gaussian(sharp, random_state):
    """An image of 8 bits under a Gaussian blur, and its sigma."""
    is_sharp = random_state.uniform() < SHARP
    sigma = random_state.uniform(*SIGMAS)
    if is_sharp:
        return sharp, 0.0
    return blurred(sharp, GaussianBlurTransformer(sigma)), sigma


def through_a_camera(sharp, random_state):
    """An image under some blur, noise and JPEG, and the Gaussian most like the blur."""
    is_sharp = random_state.uniform() < SHARP
    blur = some_blur(random_state)
    image = sharp if is_sharp else blurred(sharp, blur)
    sigma = 0.0 if is_sharp else sigma_of_pair(image, sharp)
    return noise_and_jpeg(image, random_state), sigma


def some_blur(random_state):
    """A Gaussian, a lens out of focus, or a slight motion."""
    kind = random_state.uniform()
    if kind < 0.6:
        return GaussianBlurTransformer(random_state.uniform(*SIGMAS))
    if kind < 0.8:
        return DefocusBlurTransformer(radius=random_state.uniform(0.8, 5.0))
    return MotionBlurTransformer(
        length=random_state.uniform(2.0, 8.0), angle=random_state.uniform(0, 180)
    )


def noise_and_jpeg(image, random_state):
    """Noise of up to 2 levels of 255 and, more often than not, JPEG of 75 to 98."""
    noise = NoiseTransformer(
        gaussian_std=random_state.uniform(0, 2 / 255),
        random_state=random_state.randint(2**31 - 1),
    )
    (image,) = noise.transform([image])
    if random_state.uniform() < 0.7:
        quality = int(random_state.randint(75, 99))
        (image,) = JPEGTransformer(quality=quality).transform([image])
    return image


def blurred(image, blur):
    """An image of 8 bits through a blur that is computed in floats."""
    (result,) = blur.transform([image / np.float32(255)])
    return to_eight_bits(255 * result)


def to_eight_bits(image):
    """Values from 0 to 255, rounded."""
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def as_grey(image):
    """Luminance of 8 bits, which has other noise of rounding than that of colours."""
    levels = to_eight_bits(luminance(image))
    return np.repeat(levels[..., np.newaxis], 3, axis=2)
