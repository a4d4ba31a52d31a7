"""
Deblur a photograph
===================

A sharp photograph is blurred with a Gaussian, and a model that ships with the
package takes the blur away again. The model is blind: it is not told how wide the
Gaussian was. Since the sharp photograph is known here, the peak signal-to-noise
ratio (PSNR) says how close the result comes to it.
"""

# %%
# The photograph comes with scikit-learn. Estimators take several images at once, here
# a list of one.

import matplotlib.pyplot as plt
import numpy as np

from pydbcnn import DBCNNDeblurrer, GaussianBlurTransformer
from pydbcnn.datasets import load_sample_images
from pydbcnn.metrics import peak_signal_noise_ratio

sharp = load_sample_images()[:1]
blurred = GaussianBlurTransformer(sigma=1.6).transform(sharp)
restored = DBCNNDeblurrer.from_pretrained("mild").predict(blurred)

# %%
# PSNR is taken over the whole photograph. The panels show a part of it, so that single
# pixels can be seen.

part = np.s_[90:250, 200:400]
panels = {"sharp": sharp, "blurred": blurred, "restored": restored}

figure, axes = plt.subplots(1, 3, figsize=(12, 3.7), layout="constrained")
for axis, (name, images) in zip(axes, panels.items(), strict=True):
    if name != "sharp":
        name += f", {peak_signal_noise_ratio(sharp, images):.2f} dB"
    axis.imshow(images[0][part], interpolation="nearest")
    axis.set_title(name)
    axis.axis("off")
plt.show()
