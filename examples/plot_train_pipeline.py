"""
Train in a pipeline
===================

Training needs pairs of a blurred and a sharp image. In a pipeline,
:class:`~pydbcnn.GaussianBlurTransformer` makes the blurred one, so that sharp images
are all that has to be given: as X, which is blurred on its way, and as y.
"""

# %%
# The images are square parts of the two photographs that come with scikit-learn. Every
# other one is kept for the test.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from pydbcnn import DBCNNDeblurrer, GaussianBlurTransformer
from pydbcnn.datasets import load_sample_images
from pydbcnn.metrics import peak_signal_noise_ratio

SIDE = 128

crops = np.stack(
    [
        photograph[top : top + SIDE, left : left + SIDE]
        for photograph in load_sample_images()
        for top in range(0, photograph.shape[0] - SIDE + 1, SIDE)
        for left in range(0, photograph.shape[1] - SIDE + 1, SIDE)
    ]
)
train, test = crops[1::2], crops[::2]
print(train.shape, test.shape)

# %%
# A short training is enough to see an effect. With a cosine schedule, the learning rate
# falls until the last of ``max_iter`` epochs. With ``shuffle=False``, all epochs visit
# the same patches, so that their losses can be compared.

pipeline = make_pipeline(
    GaussianBlurTransformer(sigma=1.6),
    DBCNNDeblurrer(
        learning_rate="cosine",
        max_iter=15,
        batch_size=8,
        patch_size=32,
        shuffle=False,
        random_state=0,
    ),
)
pipeline.fit(train, train)

# %%
# The loss of an epoch is half the mean squared error of its patches.

loss_curve = pipeline[-1].loss_curve_
figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
axis.plot(range(1, len(loss_curve) + 1), loss_curve, marker="o")
axis.set(xlabel="epoch", ylabel="training loss")
axis.grid(color="0.9")
plt.show()

# %%
# The pipeline blurs and restores the images of the test. Its score is their mean PSNR
# in dB.

blurred = pipeline[0].transform(test)
restored = pipeline[-1].predict(blurred)
print(f"blurred  {peak_signal_noise_ratio(test, blurred):.2f} dB")
print(f"restored {pipeline.score(test, test):.2f} dB")

# %%
# One of them:

shown = 3
panels = {"sharp": test, "blurred": blurred, "restored": restored}
figure, axes = plt.subplots(1, 3, figsize=(12, 4.3), layout="constrained")
for axis, (name, images) in zip(axes, panels.items(), strict=True):
    if name != "sharp":
        psnr = peak_signal_noise_ratio(test[[shown]], images[[shown]])
        name += f", {psnr:.2f} dB"
    axis.imshow(images[shown], interpolation="nearest")
    axis.set_title(name)
    axis.axis("off")
plt.show()
