"""Trains what names blurs: python benchmarks/train_namer.py PHOTOS --out FOLDER

PHOTOS is a folder of sharp photographs. All is drawn from the seed, so the same
photographs give the same file. It learns what the spectra of sharp photographs are
like; looks at many examples of photographs, blurred, noisy and compressed, and of
drawings; and trains small networks on what it saw.
"""

import argparse
import json
from functools import partial
from pathlib import Path

import numpy as np
from namer_examples import DRAWN, SMALLEST, drawing, photograph
from quality.workers import workers
from safetensors.numpy import save
from sharp_photos import sharp_photographs
from sklearn.neural_network import MLPClassifier, MLPRegressor

from pydbcnn import __version__
from pydbcnn._blur.noise import ROUNDING
from pydbcnn._blur_estimation.estimator import train
from pydbcnn._blur_estimation.evidence import evidence_of
from pydbcnn._blur_estimation.namer import (
    CLASSES,
    FORMAT,
    FORMAT_VERSION,
    KindClassifier,
    Namer,
    WidthRegressor,
)
from pydbcnn._blur_estimation.regions import regions_of
from pydbcnn._blur_estimation.regressor import to_target
from pydbcnn._blur_estimation.sharp_spectra import SharpSpectra
from pydbcnn._blur_estimation.textures import texture_of
from pydbcnn._files import write_whole
from pydbcnn._progress import progress_bar
from pydbcnn.backends.threads import thread_count

NAME = "namer.safetensors"
LARGE, FEWEST = 300, 2  # pixels of a side of photographs whose spectra are learned
N_MEMBERS, HIDDEN = 4, (96, 48)
ALPHA = 0.05
RATES = ((2e-3, 60), (2e-4, 15))  # of the solver, and epochs
CHUNK = 250
GAUSSIAN = ("none", "round", "oblong")  # kinds whose width is learned


def learn_spectra(photos):
    """What the spectra of sharp photographs are like."""
    logs = []
    for photo in photos:
        if max(photo.shape[:2]) < LARGE:
            continue
        texture = texture_of([region.luminance for region in regions_of(photo, 255.0)])
        logs.append(np.log(np.maximum(texture.power - ROUNDING, ROUNDING / 100)))
    if len(logs) < FEWEST:
        raise SystemExit(
            f"{len(logs)} photographs have a side of {LARGE} pixels, expected at least "
            f"{FEWEST}: what sharp spectra are like is learned from these."
        )
    return SharpSpectra.learn(np.array(logs))


def example(index, photos, spectra):
    """Statistics of an example, its class and its equivalent sigma, or None."""
    generator = np.random.default_rng(1000 + index)
    if generator.random() < DRAWN:
        image, kind, sigma = drawing(generator), "unknown", 0.0
    else:
        image, blur = photograph(photos[index % len(photos)], generator)
        kind, sigma = class_of(blur), blur.sigma
    statistics = evidence_of(image, 255.0, spectra).statistics
    return None if statistics is None else (statistics, CLASSES.index(kind), sigma)


def class_of(blur):
    """The class of a blur, of which a Gaussian has two."""
    if blur.kind != "gaussian":
        return blur.kind
    return "round" if blur.angle is None else "oblong"


def look_at(photos, spectra, n_examples):
    """Statistics, classes and sigmas of all examples, in their order."""
    look = partial(example, photos=photos, spectra=spectra)
    with workers(thread_count(), 1) as pool:
        # Few parts: each takes all photographs along.
        found = pool.map(look, range(n_examples), chunksize=CHUNK)
        rows = list(progress_bar(found, total=n_examples, unit=" examples"))
    statistics, classes, sigmas = zip(*filter(None, rows), strict=True)
    return np.array(statistics), np.array(classes), np.array(sigmas)


def learn_namer(spectra, statistics, classes, sigmas):
    """Networks that read statistics."""
    empty = KindClassifier.that_standardises(statistics)
    inputs = empty.standardise(statistics)
    classifiers = [
        trained(MLPClassifier, seed, inputs, classes) for seed in range(N_MEMBERS)
    ]
    of_width = np.isin(classes, [CLASSES.index(kind) for kind in GAUSSIAN])
    regressors = [
        trained(MLPRegressor, seed, inputs[of_width], to_target(sigmas[of_width]))
        for seed in range(N_MEMBERS)
    ]
    return Namer(
        spectra,
        KindClassifier(empty.mean, empty.scale, tuple(map(layers_of, classifiers))),
        WidthRegressor(empty.mean, empty.scale, tuple(map(layers_of, regressors))),
    )


def trained(kind, seed, inputs, targets):
    """A network of scikit-learn's, at falling rates."""
    network = kind(
        hidden_layer_sizes=HIDDEN,
        alpha=ALPHA,
        tol=0.0,
        n_iter_no_change=max(epochs for _, epochs in RATES),
        warm_start=True,
        random_state=seed,
    )
    train(network, inputs, targets, RATES)
    return network


def layers_of(network):
    """Weights and biases of a network of scikit-learn's."""
    return tuple(zip(network.coefs_, network.intercepts_, strict=True))


def main(arguments=None):
    """Train the namer, unless it is there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path, help="folder of sharp photographs")
    parser.add_argument("--out", type=Path, required=True, help="folder for the file")
    parser.add_argument(
        "--without", type=Path, help="folder of photographs to leave out: a test set"
    )
    parser.add_argument("--examples", type=int, default=8000)
    parser.add_argument("--limit", type=int, help="of photographs, for a trial")
    options = parser.parse_args(arguments)
    path = options.out / NAME
    if path.exists():
        print(f"{path} is there already")
        return
    options.out.mkdir(parents=True, exist_ok=True)
    photos = sharp_photographs(
        options.photos, SMALLEST, limit=options.limit, without=options.without
    )
    spectra = learn_spectra(photos)
    namer = learn_namer(spectra, *look_at(photos, spectra, options.examples))
    notes = {"photographs": len(photos), "examples": options.examples, "seed": 1000}
    metadata = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "training": json.dumps(notes | {"pydbcnn": __version__}),
    }
    write_whole(path, save(namer.tensors(), metadata))


if __name__ == "__main__":
    main()
