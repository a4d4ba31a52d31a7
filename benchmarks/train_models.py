"""Trains the models that ship: python benchmarks/train_models.py PHOTOS --out FOLDER

PHOTOS is a folder of sharp photographs. All is drawn from the seed, so the same
photographs and number of epochs give the same weights. Models that are in FOLDER
already are not trained again, and a run that was interrupted goes on after the last
whole epoch of its model.

`mild-fast` learns to restore luminance. `mild` starts from it, so that it restores
colours as well as their luminance from the first step on, and `robust` starts from
`mild`.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from blur_examples import (
    SMALLEST,
    noise_and_jpeg,
    some_blur,
    to_eight_bits,
    train_blur_estimator,
)
from blur_examples import blurred as blurred_by
from sharp_photos import sharp_photographs
from sklearn.frozen import FrozenEstimator

from pydbcnn import DBCNNDeblurrer, GaussianBlurTransformer, __version__
from pydbcnn._estimators.deblurrer import fit_deblurrer
from pydbcnn._pixels.opencv import import_cv2
from pydbcnn._pixels.values import LUMINANCE_WEIGHTS, luminance
from pydbcnn._training.checkpoint import Checkpoint
from pydbcnn.persistence import save_model
from pydbcnn.pretrained import BLUR_AWARE

SIGMAS = (0.3, 3.3)  # of the blurs that are learned, in pixels
# Reduced copies of photographs are sharper than these, as those of good lenses are.
SIZES = (1.0, 1.0, 0.6)
N_DRAWS = 8  # examples of each photograph for what estimates the blur
LEARNING = BLUR_AWARE | dict(
    learning_rate="cosine",
    batch_size=32,
    patch_size=48,
    random_state=0,
    verbose=True,
)


def copies(photos, n_copies):
    """Each photograph several times, some of them reduced."""
    cv2 = import_cv2()
    result = []
    for index in range(n_copies):
        size = SIZES[index % len(SIZES)]
        for photo in photos:
            if size < 1 and min(photo.shape[:2]) * size >= SMALLEST:
                reduced = cv2.resize(
                    photo, None, fx=size, fy=size, interpolation=cv2.INTER_AREA
                )
                result.append(reduced)
            else:
                result.append(photo)
    return result


def blurred(sharp, random_state):
    """Each image under a Gaussian blur of its own, rounded to 8 bits."""
    images = []
    for image in sharp:
        sigma = random_state.uniform(*SIGMAS)
        blur = GaussianBlurTransformer(sigma)
        (result,) = blur.transform([image.astype(np.float32)])
        images.append(to_eight_bits(result))
    return images


def degraded(sharp, random_state):
    """Each image as a camera gives it: blurred in some way, noisy, a JPEG."""
    return [
        noise_and_jpeg(blurred_by(image, some_blur(random_state)), random_state)
        for image in sharp
    ]


def grey(images):
    """Luminance between 0 and 1."""
    return [(luminance(image) / 255).astype(np.float32) for image in images]


def coloured(model):
    """A model of colours that does to their luminance what a model of grey does."""
    first, second, third = model.coefs_
    shares = np.array(LUMINANCE_WEIGHTS, first.dtype)[:, np.newaxis]
    params = model.get_params(deep=False) | {"warm_start": True}
    for name in (
        "n_filters",
        "kernel_sizes",
        "n_basis_functions",
        "n_back_projections",
        "combine",
        "blur_estimator",
    ):
        del params[name]
    estimator = model.blur_estimator_
    if not isinstance(estimator, FrozenEstimator):  # it was read from a file
        estimator = FrozenEstimator(estimator)
    return DBCNNDeblurrer.from_weights(
        [first * shares, second, np.repeat(third, 3, axis=-1)],
        [*model.intercepts_[:2], np.repeat(model.intercepts_[2], 3, axis=-1)],
        back_projection_coefs=model.back_projection_coefs_,
        sigma_range=model.sigma_range_,
        blur_estimator=estimator,
        **params,
    )


def train(name, model, X, y, options):
    """Fit a model, going on where an interrupted run stopped, and save it."""
    path = options.out / f"{name}.safetensors"
    checkpoint_path = options.out / f"{name}.checkpoint.safetensors"
    settings = {"name": name, "images": len(X), "epochs": model.max_iter}
    start = time.monotonic()
    fit_deblurrer(model, X, y, checkpoint=Checkpoint(checkpoint_path, settings))
    notes = settings | {
        "pydbcnn": __version__,
        "minutes": round((time.monotonic() - start) / 60, 1),
    }
    model.set_params(verbose=False, warm_start=False)
    save_model(model, path, notes={"training": json.dumps(notes)})
    checkpoint_path.unlink(missing_ok=True)


def main(arguments=None):
    """Train what is not there yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path, help="folder of sharp photographs")
    parser.add_argument("--out", type=Path, required=True, help="folder for the models")
    parser.add_argument(
        "--without", type=Path, help="folder of photographs to leave out: a test set"
    )
    parser.add_argument(
        "--epochs", type=int, nargs=3, default=(16, 8, 5), help="of each model"
    )
    parser.add_argument("--copies", type=int, default=6, help="of each photograph")
    parser.add_argument("--limit", type=int, help="of photographs, for a trial")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)

    photos = sharp_photographs(
        options.photos, SMALLEST, limit=options.limit, without=options.without
    )
    sharp = copies(photos, options.copies)
    recipes = {"mild-fast": mild_fast, "mild": mild, "robust": robust}
    model = None
    for (name, recipe), epochs in zip(recipes.items(), options.epochs, strict=True):
        path = options.out / f"{name}.safetensors"
        if not path.exists():
            model, X, y = recipe(model, photos, sharp)
            model.set_params(max_iter=epochs, verbose=LEARNING["verbose"])
            train(name, model, X, y, options)
        # As if it had been there: the next model goes on from no hidden state.
        model = DBCNNDeblurrer.load(path)


def mild_fast(_, photos, sharp):
    """A model of luminance, from nothing."""
    estimator = train_blur_estimator(photos, N_DRAWS)
    model = DBCNNDeblurrer(blur_estimator=FrozenEstimator(estimator), **LEARNING)
    soft = blurred(sharp, np.random.RandomState(0))
    return model, grey(soft), grey(sharp)


def mild(model, _, sharp):
    """A model of colours, from that of luminance; what tells the blur is the same."""
    return coloured(model), blurred(sharp, np.random.RandomState(0)), sharp


def robust(model, photos, sharp):
    """The model of colours, trained further on what cameras do."""
    estimator = train_blur_estimator(photos, N_DRAWS, cameras=True)
    model.set_params(warm_start=True, blur_estimator=FrozenEstimator(estimator))
    return model, degraded(sharp, np.random.RandomState(1)), sharp


if __name__ == "__main__":
    main()
