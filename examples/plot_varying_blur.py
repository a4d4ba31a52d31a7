"""
Blur that varies over a photograph
==================================

A lens is often sharper in the middle than in the corners, and what is not in the plane
of focus is blurred. With ``tile_size``, the blur of each part of a photograph is
estimated, and each part is restored for its own.
"""

# %%
# The blur of this photograph grows from left to right. Such a blur can be made of
# several even ones: each pixel is taken from the two that are next to its sigma.

import matplotlib.pyplot as plt
import numpy as np

from pydbcnn import DBCNNDeblurrer, GaussianBlurTransformer
from pydbcnn.datasets import load_sample_images
from pydbcnn.metrics import peak_signal_noise_ratio

sharp = load_sample_images()[0][:256]
sigmas = np.linspace(0.6, 3.0, 9)
columns = np.linspace(0, len(sigmas) - 1, sharp.shape[1])
mixed = np.zeros(sharp.shape)
for index, sigma in enumerate(sigmas):
    even = GaussianBlurTransformer(sigma).transform([sharp])[0]
    share = np.maximum(1 - np.abs(columns - index), 0)
    mixed += share[:, np.newaxis] * even
blurred = mixed.round().astype(np.uint8)

# %%
# Seen as a whole, the photograph has one sigma, which cannot be right on both sides.
# Seen in tiles, it has one for each of them.

model = DBCNNDeblurrer.from_pretrained("mild")
whole = model.estimate_blur([blurred])[0]
tiles = model.estimate_blur([blurred], tile_size=128)[0]
print(f"as a whole: {whole:.2f}")
print("in tiles:")
print(tiles.round(2))

# %%
# One tile may be mistaken, where there are no edges. So ``predict`` takes the median of
# neighbouring tiles, and interpolates between their centres.

panels = {
    "blurred": blurred,
    "one sigma": model.predict([blurred])[0],
    "tiles": model.predict([blurred], tile_size=128)[0],
    "sharp": sharp,
}

figure, axes = plt.subplots(2, 2, figsize=(12, 5.4), layout="constrained")
for axis, (name, image) in zip(axes.flat, panels.items(), strict=True):
    if name != "sharp":
        name += f", {peak_signal_noise_ratio([sharp], [image]):.2f} dB"
    axis.imshow(image, interpolation="nearest")
    axis.set_title(name)
    axis.axis("off")
plt.show()

# %%
# What is true is known here. The estimates, a line for each row of tiles, follow it:

centres = (np.arange(tiles.shape[1]) + 0.5) / tiles.shape[1]
figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
axis.plot([0, 1], sigmas[[0, -1]], color="black", label="true")
for row, line in enumerate(tiles):
    axis.plot(centres, line, marker="o", label=f"row {row}")
axis.axhline(whole, color="0.6", linestyle="dashed", label="as a whole")
axis.set(xlabel="share of the width", ylabel="sigma in pixels")
axis.legend()
axis.grid(color="0.9")
plt.show()
