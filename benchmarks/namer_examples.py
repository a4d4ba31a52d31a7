"""Photographs and drawings as the world has them, for what names their blur."""

import math

import numpy as np
from blur_examples import to_eight_bits

from pydbcnn import Blur
from pydbcnn._degradations.blur_base import filter_image
from pydbcnn._degradations.demosaicing import BAYER_ORDERS, demosaic, sample_mosaic
from pydbcnn._degradations.jpeg import jpeg_round_trip
from pydbcnn._pixels.opencv import import_cv2

SMALLEST = 100  # pixels of a side of what is looked at
# Shares of the examples: drawings and the like, sharp photographs, and round, oblong
# and defocused ones; motion is the rest.
DRAWN = 0.07
SHARP, ROUND, OBLONG, DEFOCUSED = 0.2, 0.35, 0.15, 0.15
SIGMAS, WEAK = (0.45, 3.4), (0.45, 1.2)
MAJORS, RATIOS, THINNEST = (1.0, 4.0), (1.5, 4.0), 0.3
RADII, LENGTHS = (1.0, 6.0), (2.5, 12.0)
# Photographs differ in how sharp they are before any blur: some are reduced, fewer
# enlarged.
ENLARGED, REDUCED = 0.15, 0.3
NOISE, CAMERA_NOISE = (0.3, 8.0), (0.3, 6.0)  # levels
QUALITIES, CAMERA_QUALITIES = (60, 99), (80, 99)
CHROMA = ("4:4:4", "4:4:4", "4:2:0", "4:2:0", "4:2:2")
GAMMA = 2.2
SENSOR_WHITE, SENSOR_BLACK = 60000, 2000  # of 16 bits
WORDS = ("the", "lens", "was", "a", "little", "out", "of", "focus", "when", "used")


def photograph(photo, generator):
    """An example of a photograph, and what was done to it.

    Parameters
    ----------
    photo : array of shape (height, width, 3), uint8
        Sharp.
    generator : numpy.random.Generator

    Returns
    -------
    image : array of shape (height, width, 3), uint8
    blur : Blur
    """
    sharp = _varied(photo, generator)
    blur = _some_blur(generator)
    levels = filter_image(sharp.astype(np.float32), blur.kernel(), "reflect101")
    if generator.random() < 0.2:
        return _through_a_camera(levels, generator), blur
    return _noisy(levels, generator), blur


def drawing(generator):
    """An example of an image whose blur nobody can tell.

    Returns
    -------
    image : array of shape (height, width, 3), uint8
    """
    shape = generator.integers(70, 500, 2)
    draw = DRAWINGS[generator.integers(len(DRAWINGS))]
    image = draw(shape, generator)
    return _stored(image, generator, 0.4, (70, 99))


def _varied(photo, generator):
    """A part of a photograph, at another size, mirrored or turned."""
    cv2 = import_cv2()
    kind, size = generator.random(), 1.0
    if kind < ENLARGED:
        size, method = generator.uniform(1.05, 1.3), cv2.INTER_CUBIC
    elif kind < ENLARGED + REDUCED:
        size, method = generator.uniform(0.5, 0.95), cv2.INTER_AREA
    if size != 1.0 and min(photo.shape[:2]) * size > SMALLEST + 20:
        photo = cv2.resize(photo, None, fx=size, fy=size, interpolation=method)
    if generator.random() < 0.4 and min(photo.shape[:2]) > SMALLEST:
        photo = _crop(photo, generator)
    if generator.random() < 0.5:
        photo = photo[:, ::-1]
    return photo.swapaxes(0, 1) if generator.random() < 0.3 else photo


def _crop(photo, generator):
    sides = [generator.integers(SMALLEST, size + 1) for size in photo.shape[:2]]
    starts = [
        generator.integers(size - side + 1)
        for size, side in zip(photo.shape, sides, strict=False)
    ]
    (top, left), (height, width) = starts, sides
    return photo[top : top + height, left : left + width]


def _some_blur(generator):
    kind = generator.random()
    if kind < SHARP:
        return Blur.none()
    if kind < SHARP + ROUND:
        is_any = generator.random() < 0.7
        return Blur.gaussian(generator.uniform(*(SIGMAS if is_any else WEAK)))
    angle = generator.uniform(0, 180)
    if kind < SHARP + ROUND + OBLONG:
        major = _log_uniform(MAJORS, generator)
        minor = max(major / generator.uniform(*RATIOS), THINNEST)
        return Blur.gaussian(major, minor, angle)
    if kind < SHARP + ROUND + OBLONG + DEFOCUSED:
        return Blur.defocus(_log_uniform(RADII, generator))
    return Blur.motion(_log_uniform(LENGTHS, generator), angle)


def _log_uniform(ends, generator):
    return math.exp(generator.uniform(*map(math.log, ends)))


def _noisy(levels, generator):
    """Noise, white or not, even or growing with the light, and often JPEG."""
    if generator.random() < 0.6:
        levels = np.rint(levels)
    if generator.random() < 0.6:
        noise = generator.normal(size=levels.shape).astype(np.float32)
        if generator.random() < 0.2:
            sigma = generator.uniform(0.4, 0.9)
            noise = import_cv2().GaussianBlur(noise, (0, 0), sigma)
            noise /= noise.std()
        if generator.random() < 0.3:
            noise *= np.sqrt(np.maximum(levels, 4) / 128)
        levels = levels + noise * _log_uniform(NOISE, generator)
    return _stored(to_eight_bits(levels), generator, 0.5, QUALITIES)


def _through_a_camera(levels, generator):
    """Mosaic, noise, demosaicing, often sharpening and JPEG."""
    gamma = GAMMA if generator.random() < 0.5 else 1.0
    light = (np.clip(levels, 0, 255) / 255) ** gamma
    order = BAYER_ORDERS[generator.integers(len(BAYER_ORDERS))]
    mosaic = sample_mosaic(light, order)
    noise = generator.normal(size=mosaic.shape) * _log_uniform(CAMERA_NOISE, generator)
    if gamma > 1:  # photons
        noise *= 0.6 * np.sqrt(mosaic / 0.3 + 0.1)
    counts = (mosaic + noise / 255) * SENSOR_WHITE + SENSOR_BLACK
    counts = np.clip(np.rint(counts), 0, 2**16 - 1).astype(np.uint16)
    method = "bilinear" if generator.random() < 0.4 else "edge-aware"
    light = (demosaic(counts, order, method) - np.float32(SENSOR_BLACK)) / SENSOR_WHITE
    levels = 255 * np.clip(light, 0, 1) ** (1 / gamma)
    if generator.random() < 0.3:
        soft = import_cv2().GaussianBlur(levels, (0, 0), generator.uniform(0.6, 1.5))
        levels = levels + generator.uniform(0.2, 1) * (levels - soft)
    return _stored(to_eight_bits(levels), generator, 0.8, CAMERA_QUALITIES)


def _stored(image, generator, share, qualities):
    """An image, as often as `share` says through a JPEG."""
    if generator.random() >= share:
        return np.ascontiguousarray(image)
    quality = int(generator.integers(*qualities))
    return jpeg_round_trip(image, quality, CHROMA[generator.integers(len(CHROMA))])


def _text(shape, generator):
    """Lines of words in one colour on a plain ground."""
    from PIL import Image, ImageDraw, ImageFont

    height, width = (int(side) for side in shape)
    is_light = generator.random() < 0.7
    ground = int(generator.integers(200, 256) if is_light else generator.integers(60))
    ink = int(generator.integers(80) if is_light else generator.integers(170, 256))
    image = Image.new("RGB", (width, height), (ground,) * 3)
    draw = ImageDraw.Draw(image)
    size = int(generator.integers(9, 28))
    font = ImageFont.load_default(size)
    top = 4
    while top < height:
        line = " ".join(generator.choice(WORDS, 20))
        place = int(generator.integers(2, 30)), top
        draw.text(place, line, fill=(ink,) * 3, font=font)
        top += int(size * generator.uniform(1.1, 1.8))
    return _perhaps_soft(np.asarray(image), generator)


def _shapes(shape, generator):
    """Rectangles, circles, lines and polygons in plain colours."""
    cv2 = import_cv2()
    height, width = (int(side) for side in shape)
    image = np.full((height, width, 3), generator.integers(0, 256, 3), np.uint8)
    for _ in range(int(generator.integers(3, 40))):
        colour = generator.integers(0, 256, 3).tolist()
        points = generator.integers(0, (width, height), (4, 2)).astype(np.int32)
        first, second = points[:2].tolist()
        thickness = int(generator.integers(1, 6)) if generator.random() < 0.5 else -1
        line = cv2.LINE_AA if generator.random() < 0.6 else cv2.LINE_8
        kind = generator.integers(4)
        if kind == 0:
            cv2.rectangle(image, first, second, colour, thickness)
        elif kind == 1:
            radius = int(generator.integers(3, height // 3))
            cv2.circle(image, first, radius, colour, thickness, line)
        elif kind == 2:
            cv2.line(image, first, second, colour, abs(thickness), line)
        else:
            cv2.fillPoly(image, [points], colour, line)
    return _perhaps_soft(image, generator)


def _screenshot(shape, generator):
    """Shapes, and text over a part of them."""
    image = _shapes(shape, generator).copy()
    top, left = (int(generator.integers(side // 2)) for side in shape)
    image[top:, left:] = _text((shape[0] - top, shape[1] - left), generator)
    return image


def _perhaps_soft(image, generator):
    if generator.random() >= 0.3:
        return image
    sigma = generator.uniform(0.4, 1.5)
    return import_cv2().GaussianBlur(image, (0, 0), sigma)


def _noise_alone(shape, generator):
    noise = generator.normal(size=(*shape, 3)) * generator.uniform(0.5, 30)
    return to_eight_bits(generator.integers(40, 216) + noise)


def _gradient(shape, generator):
    """A slope from dark to light, with or without noise."""
    height, width = shape
    across = np.linspace(generator.integers(120), generator.integers(120, 256), width)
    down = np.linspace(generator.uniform(0.5, 1), 1, height)
    levels = (down[:, np.newaxis] * across)[..., np.newaxis]
    noise = generator.normal(size=(*shape, 3)) * generator.choice([0, 0, 1, 3])
    return to_eight_bits(levels + noise)


def _clouds(shape, generator):
    """A field without detail, with or without noise."""
    height, width = (int(side) for side in shape)
    coarse = generator.normal(size=(4, 4, 3)).astype(np.float32)
    cv2 = import_cv2()
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    noise = generator.normal(size=(*shape, 3)) * generator.choice([0, 0.5, 1, 3])
    return to_eight_bits(128 + generator.uniform(2, 20) * field + noise)


DRAWINGS = (_text, _shapes, _screenshot, _noise_alone, _gradient, _clouds)
