"""Blur a photograph, restore it, and show what that did.

python examples/demo.py [PHOTO] [--sigma 1.6] [--output demo.png]
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pydbcnn import DBCNNDeblurrer, GaussianBlurTransformer
from pydbcnn.datasets import load_sample_images
from pydbcnn.metrics import peak_signal_noise_ratio, structural_similarity

BORDER = 8  # left out of the figures, as in the literature
CROP = 240  # side of the part that the picture shows, each pixel twice
GAP = 8  # pixels between its panels
LABEL = 36  # pixels above them, for their labels
LUMINANCE = [0.299, 0.587, 0.114]  # of RGB, by ITU-R BT.601


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
    side_by_side([sharp, blurred, restored], labels).save(options.output)
    print(f"wrote {options.output}: the middle of the photograph, enlarged twice")


def load_photo(path):
    """A photograph as (height, width, 3) uint8: a file, or one of scikit-learn's."""
    if path is None:
        return load_sample_images()[0]
    pixels = cv2.imread(path, cv2.IMREAD_COLOR)
    if pixels is None:
        raise SystemExit(f"{path} cannot be read: pass a JPEG, PNG, TIFF or WebP file.")
    return pixels[..., ::-1]  # OpenCV has blue first


def figures(sharp, image):
    """PSNR and SSIM of the luminance."""
    inside = np.s_[BORDER:-BORDER, BORDER:-BORDER]
    true, pred = ([array[inside] @ LUMINANCE / 255] for array in (sharp, image))
    return peak_signal_noise_ratio(true, pred), structural_similarity(true, pred)


def side_by_side(images, labels):
    """The middle of each image, every pixel twice, with a label above."""
    panels = [middle(image).repeat(2, axis=0).repeat(2, axis=1) for image in images]
    height, width, _ = panels[0].shape
    size = len(panels) * (width + GAP) + GAP, LABEL + height + GAP
    picture = Image.new("RGB", size, "#ffffff")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(18)
    for index, (panel, label) in enumerate(zip(panels, labels, strict=True)):
        left = GAP + index * (width + GAP)
        draw.multiline_text((left, 6), label, fill="#222222", font=font)
        picture.paste(Image.fromarray(panel), (left, LABEL))
    return picture


def middle(image):
    """The central part of an image."""
    top, left = (max(0, (size - CROP) // 2) for size in image.shape[:2])
    return image[top : top + CROP, left : left + CROP]


if __name__ == "__main__":
    main()
