"""Blur a photograph, restore it, and show what that did.

python examples/demo.py [PHOTO] [--sigma 1.6] [--output demo.png]
"""

import argparse
from pathlib import Path

import numpy as np

from pydbcnn import DBCNNDeblurrer, GaussianBlurTransformer
from pydbcnn._commands.pictures import save_png, side_by_side
from pydbcnn._photos import read_photo
from pydbcnn._pixels.values import luminance
from pydbcnn.datasets import load_sample_images
from pydbcnn.metrics import peak_signal_noise_ratio, structural_similarity

BORDER = 8  # left out of the figures, as in the literature
CROP = 240  # side of the part that the picture shows, each pixel twice


def main():
    """Run the demonstration."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo", nargs="?", help="a sharp photograph of your own")
    parser.add_argument("--sigma", type=float, default=1.6, help="of the blur")
    parser.add_argument("--output", default="demo.png", type=Path)
    options = parser.parse_args()

    sharp = load_photo(options.photo)
    blurred = GaussianBlurTransformer(options.sigma).transform([sharp])[0]
    restored = DBCNNDeblurrer.from_pretrained("mild").predict([blurred])[0]

    labels = ["sharp"]
    for name, image in (("blurred", blurred), ("restored", restored)):
        psnr, ssim = figures(sharp, image)
        print(f"{name:<9} PSNR {psnr:.2f} dB   SSIM {ssim:.4f}")
        labels.append(f"{name}: {psnr:.2f} dB, SSIM {ssim:.3f}")
    crops = [middle(image) for image in (sharp, blurred, restored)]
    save_png(options.output, side_by_side(crops, labels, scale=2), overwrite=True)
    print(f"wrote {options.output}: the middle of the photograph, enlarged twice")


def load_photo(path):
    """A photograph as (height, width, 3) uint8: a file, or one of scikit-learn's."""
    if path is None:
        return load_sample_images()[0]
    pixels = read_photo(path).pixels
    if pixels.dtype == np.uint16:
        pixels = (pixels // 257).astype(np.uint8)
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., np.newaxis], 3, axis=2)


def figures(sharp, image):
    """PSNR and SSIM of the luminance."""
    inside = np.s_[BORDER:-BORDER, BORDER:-BORDER]
    true, pred = ([luminance(array[inside]) / 255] for array in (sharp, image))
    return peak_signal_noise_ratio(true, pred), structural_similarity(true, pred)


def middle(image):
    """The central part of an image."""
    top, left = (max(0, (size - CROP) // 2) for size in image.shape[:2])
    return image[top : top + CROP, left : left + CROP]


if __name__ == "__main__":
    main()
