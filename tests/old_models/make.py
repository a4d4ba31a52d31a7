"""This made the pickles and models in the folder, before modules of pydbcnn moved.

It ran on commit 91ccab9 with the lower bounds of that version (scikit-learn 1.6.0,
NumPy 2.0.0), and wrote into the folder that is its argument. Newer versions must read
what it wrote, and answer as `answers.npz` says.
"""

import pickle
import sys
from pathlib import Path

import numpy as np
from sklearn.frozen import FrozenEstimator

from pydbcnn import (
    AnisotropicGaussianBlurTransformer,
    BlurEstimator,
    DBCNNDeblurrer,
    DefocusBlurTransformer,
    GaussianBlurTransformer,
    JPEGTransformer,
    MotionBlurTransformer,
    NoiseTransformer,
    PolyblurDeblurrer,
)
from pydbcnn.datasets import load_sample_images

SMALL = dict(
    n_filters=(4, 3),
    kernel_sizes=(5, 1, 3),
    patch_size=16,
    batch_size=4,
    learning_rate="cosine",
    max_iter=2,
    random_state=0,
)


def tiny_blur_estimator():
    return BlurEstimator((3,), n_members=1, n_crops=0, max_iter=2, random_state=0)


def fitted_estimators(X, y, sigmas):
    """One of each kind."""
    random = np.random.RandomState(0)
    estimator = tiny_blur_estimator().fit(X, sigmas)
    return dict(
        plain=DBCNNDeblurrer(**SMALL).fit(X, y),
        around=DBCNNDeblurrer(
            **SMALL, n_back_projections=1, combine=True, solver="sgd"
        ).fit(X, y),
        aware=DBCNNDeblurrer(
            **SMALL,
            n_basis_functions=2,
            inverse_filter=True,
            blur_estimator=tiny_blur_estimator(),
        ).fit(X, y),
        frozen=DBCNNDeblurrer(
            **SMALL, n_basis_functions=2, blur_estimator=FrozenEstimator(estimator)
        ).fit(X, y),
        rows=DBCNNDeblurrer(**SMALL | {"kernel_sizes": (3, 1, 3)}).fit(
            random.uniform(size=(12, 9)), random.uniform(size=(12, 9))
        ),
        blur_estimator=tiny_blur_estimator().fit(X, sigmas),
        polyblur=PolyblurDeblurrer().fit(X),
        gaussian=GaussianBlurTransformer(1.2, random_state=0).fit(X),
        anisotropic=AnisotropicGaussianBlurTransformer().fit(X),
        defocus=DefocusBlurTransformer().fit(X),
        motion=MotionBlurTransformer().fit(X),
        noise=NoiseTransformer(0.01, random_state=0).fit(X),
        jpeg=JPEGTransformer().fit(X),
    )


def main(folder):
    sharp = [
        np.ascontiguousarray(image[200:232, 200:240]) for image in load_sample_images()
    ]
    weak, strong = (GaussianBlurTransformer(s).transform(sharp) for s in (1.0, 2.5))
    X, y = [*weak, *strong], [*sharp, *sharp]
    rows_X = np.random.RandomState(1).uniform(size=(3, 9))
    answers = {}
    for name, estimator in fitted_estimators(X, y, [1.0, 1.0, 2.5, 2.5]).items():
        (folder / f"{name}.pickle").write_bytes(pickle.dumps(estimator, protocol=5))
        if isinstance(estimator, DBCNNDeblurrer) and name != "rows":
            estimator.save(folder / f"{name}.safetensors")
        answer = getattr(estimator, "predict", None) or estimator.transform
        answers[name] = np.stack(list(answer(rows_X if name == "rows" else X)))
    np.savez_compressed(
        folder / "answers.npz", X=np.stack(X), y=np.stack(y), rows_X=rows_X, **answers
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
