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
from sklearn.frozen import FrozenEstimator

from pydbcnn import (
    BlurEstimator,
    DBCNNDeblurrer,
    DefocusBlurTransformer,
    GaussianBlurTransformer,
    JPEGTransformer,
    MotionBlurTransformer,
    NoiseTransformer,
    __version__,
)
from pydbcnn._checkpoint import Checkpoint
from pydbcnn._commands.train import BLUR_AWARE
from pydbcnn._gaussian import import_cv2
from pydbcnn._images import luminance
from pydbcnn._pair_sigma import sigma_of_pair
from pydbcnn._photos import find_photos, read_photo
from pydbcnn.persistence import save_model

SIGMAS = (0.3, 3.3)  # of the blurs that are learned, in pixels
# Reduced copies of photographs are sharper than these, as those of good lenses are.
SIZES = (1.0, 1.0, 0.6)
SMALLEST = 120  # pixels of a side below which photographs are left out
LEARNING = BLUR_AWARE | dict(
    learning_rate="cosine",
    batch_size=32,
    patch_size=48,
    random_state=0,
    verbose=True,
)


def sharp_photographs(folder, limit=None):
    """All photographs of a folder and below, as 8-bit RGB."""
    paths, problems = find_photos(folder, recursive=True)
    if problems:
        raise problems[0]
    photos = [read_photo(path).pixels for path in paths[:limit]]
    photos = [
        photo
        for photo in photos
        if photo.ndim == 3
        and photo.dtype == np.uint8
        and min(photo.shape[:2]) >= SMALLEST
    ]
    if not photos:
        raise SystemExit(
            f"{folder} holds no 8-bit colour photograph of at least {SMALLEST} pixels "
            "a side: name a folder that does."
        )
    return photos


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
    """Each image under a blur of some kind, the noise of a sensor, and JPEG."""
    images = []
    for image in sharp:
        seed = random_state.randint(2**31 - 1)
        blur = _blur_of_some_kind(random_state)
        (result,) = blur.transform([image / np.float32(255)])
        (result,) = NoiseTransformer(
            gaussian_std=(0.0, 2 / 255), random_state=seed
        ).transform([result])
        result = to_eight_bits(255 * result)
        if random_state.uniform() < 0.7:
            quality = int(random_state.randint(75, 99))
            (result,) = JPEGTransformer(quality=quality).transform([result])
        images.append(result)
    return images


def _blur_of_some_kind(random_state):
    kind = random_state.uniform()
    if kind < 0.6:
        return GaussianBlurTransformer(random_state.uniform(*SIGMAS))
    if kind < 0.8:
        return DefocusBlurTransformer(radius=random_state.uniform(0.8, 5.0))
    return MotionBlurTransformer(
        length=random_state.uniform(2.0, 8.0), angle=random_state.uniform(0, 180)
    )


def to_eight_bits(image):
    """Values from 0 to 255, rounded."""
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def grey(images):
    """Luminance between 0 and 1."""
    return [(luminance(image) / 255).astype(np.float32) for image in images]


def train_blur_estimator(images, sharp):
    """What tells the blur of colours, and of grey images, which have other noise."""
    sigmas = [sigma_of_pair(*pair) for pair in zip(images, sharp, strict=True)]
    images, sigmas = list(images), list(sigmas)
    for index in range(0, len(sharp), 8):
        images.append(sharp[index])
        sigmas.append(0.0)
    for index in range(0, len(images), 3):
        levels = to_eight_bits(luminance(images[index]))
        images.append(np.repeat(levels[..., np.newaxis], 3, axis=2))
        sigmas.append(sigmas[index])
    return BlurEstimator(random_state=0).fit(images, sigmas)


def coloured(model):
    """A model of colours that does to their luminance what a model of grey does."""
    first, second, third = model.coefs_
    shares = np.array([0.299, 0.587, 0.114], first.dtype)[:, np.newaxis]
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
    model._fit(X, y, checkpoint=Checkpoint(checkpoint_path, settings))
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
        "--epochs", type=int, nargs=3, default=(16, 14, 10), help="of each model"
    )
    parser.add_argument("--copies", type=int, default=6, help="of each photograph")
    parser.add_argument("--limit", type=int, help="of photographs, for a trial")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)

    sharp = copies(sharp_photographs(options.photos, options.limit), options.copies)
    soft = blurred(sharp, np.random.RandomState(0))
    recipes = {"mild-fast": mild_fast, "mild": mild, "robust": robust}
    model = None
    for (name, recipe), epochs in zip(recipes.items(), options.epochs, strict=True):
        path = options.out / f"{name}.safetensors"
        if path.exists():
            model = DBCNNDeblurrer.load(path)
            continue
        model, X, y = recipe(model, sharp, soft)
        model.set_params(max_iter=epochs, verbose=True)
        train(name, model, X, y, options)
        # As if it had been there: the next model goes on from no hidden state.
        model = DBCNNDeblurrer.load(path)


def mild_fast(_, sharp, soft):
    """A model of luminance, from nothing."""
    estimator = FrozenEstimator(train_blur_estimator(soft, sharp))
    model = DBCNNDeblurrer(blur_estimator=estimator, **LEARNING)
    return model, grey(soft), grey(sharp)


def mild(model, sharp, soft):
    """A model of colours, from that of luminance; what tells the blur is the same."""
    return coloured(model), soft, sharp


def robust(model, sharp, soft):
    """The model of colours, trained further on what cameras do."""
    worse = degraded(sharp, np.random.RandomState(1))
    estimator = train_blur_estimator(soft + worse, sharp + sharp)
    model.blur_estimator_ = FrozenEstimator(estimator)
    model.set_params(warm_start=True, blur_estimator=model.blur_estimator_)
    return model, worse, sharp


if __name__ == "__main__":
    main()
