"""What each part of the model is worth: python benchmarks/ablation.py PHOTOS

Trains one model after the other for equally many patches, on the luminance of
photographs, and measures each on photographs that were held out, with their blur given.
Far shorter than the training of the models that ship, so that the figures compare parts
rather than tell what they reach. Writes docs/ablation.inc.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from blur_examples import to_eight_bits
from report import Table, csv_table
from sklearn.frozen import FrozenEstimator
from train_models import blurred, grey, sharp_photographs

from pydbcnn import BlurEstimator, DBCNNDeblurrer, GaussianBlurTransformer
from pydbcnn.metrics import peak_signal_noise_ratio

DOCS = Path(__file__).parent.parent / "docs"
SIGMAS = (0.8, 1.2, 1.6, 2.0, 2.4, 3.0)
BORDER = 8  # pixels left out
LEARNING = dict(
    learning_rate="cosine",
    batch_size=32,
    patch_size=48,
    random_state=0,
    loss="log_squared_error",
)
AWARE = dict(n_basis_functions=5)
FILTERED = AWARE | dict(inverse_filter=True)
MODELS = {
    "plain, squared error": dict(residual=False, loss="squared_error"),
    "residual, squared error": dict(loss="squared_error"),
    "residual, logarithm of the error": {},
    "weights of 5 polynomials": AWARE,
    "inverse filter": dict(inverse_filter=True),
    "inverse filter, 3 polynomials": dict(inverse_filter=True, n_basis_functions=3),
    "inverse filter, 5 polynomials": FILTERED,
    "... 1 back-projection": FILTERED | dict(n_back_projections=1),
    "... 2 back-projections": FILTERED | dict(n_back_projections=2),
    "... 1 back-projection, no inverse filter": AWARE | dict(n_back_projections=1),
    "... combination": FILTERED | dict(combine=True),
    "... 32 and 16 filters": FILTERED | dict(n_filters=(32, 16)),
    "... 96 and 48 filters": FILTERED | dict(n_filters=(96, 48)),
}


def train(params, X, y, n_patches):
    """Fit a model on so many patches; returns it and the seconds that it took."""
    # The blur is given throughout, so what would estimate it need not know much.
    estimator = BlurEstimator(n_members=1, n_crops=0, max_iter=1).fit(X[:8], [0.0] * 8)
    model = DBCNNDeblurrer(
        **LEARNING | params, blur_estimator=FrozenEstimator(estimator)
    )
    per_epoch = sum(image.size for image in y) / model.patch_size**2
    model.set_params(max_iter=max(1, round(n_patches / per_epoch)))
    start = time.perf_counter()
    model.fit(X, y)
    return model, time.perf_counter() - start


def scores(model, held_out):
    """Mean PSNR in dB on photographs held out, for each blur."""
    sharp = grey(held_out)
    result = []
    for sigma in SIGMAS:
        blur = GaussianBlurTransformer(sigma)
        soft = [image.astype(np.float32) for image in held_out]
        soft = grey([to_eight_bits(image) for image in blur.transform(soft)])
        given = sigma if model.sigma_range_ is not None else None
        restored = model.predict(soft, sigma=given)
        inside = np.s_[BORDER:-BORDER, BORDER:-BORDER]
        result.append(
            np.mean(
                [
                    peak_signal_noise_ratio(true[inside][None], pred[inside][None])
                    for true, pred in zip(sharp, restored, strict=True)
                ]
            )
        )
    return result


def main():
    """Train, measure, print, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path, help="folder of sharp photographs")
    parser.add_argument("--patches", type=int, default=20_000, help="for each model")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--output", type=Path, default=DOCS / "ablation.inc")
    options = parser.parse_args()
    photos = sharp_photographs(options.photos)
    held_out = photos[::20]
    learned = [photo for index, photo in enumerate(photos) if index % 20 and index % 2]
    X, y = grey(blurred(learned, np.random.RandomState(0))), grey(learned)
    rows = []
    for name in options.models:
        model, seconds = train(MODELS[name], X, y, options.patches)
        n_patches = model.t_
        found = [f"{score:.2f}" for score in scores(model, held_out)]
        rows.append([name, *found, f"{seconds:.0f}"])
        print(*rows[-1], sep="  ", flush=True)
    columns = ["model", *(f"{sigma:g}" for sigma in SIGMAS), "seconds"]
    text = (
        f"PSNR of luminance in dB on {len(held_out)} photographs that were held out, "
        "by the sigma of their blur, which was given; after "
        f"{n_patches:,} patches. Seconds are of training, and to be taken roughly.\n\n"
    )
    table = csv_table(Table(columns, rows, []))
    options.output.write_text(f"{text}{table}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
