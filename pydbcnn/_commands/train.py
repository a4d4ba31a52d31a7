"""pydbcnn train: a dataset in, a model out."""

import hashlib
from pathlib import Path

from ..backends import PRECISIONS, get_backend
from .options import (
    add_device,
    add_overwrite,
    add_quiet,
    complain,
    fraction,
    natural,
    odd,
    positive_float,
    positive_int,
)

NAME = "train"
SUMMARY = "train a model on a dataset of pairs"
EXAMPLES = """\
  pydbcnn make-dataset photos pairs --sigma 0.3 3.0
  pydbcnn train pairs -o mine.safetensors --epochs 40 --plot loss.png
  pydbcnn train pairs -o mine.safetensors --blur-aware
  pydbcnn deblur holiday.jpg --model mine.safetensors

Interrupted, the same command goes on after the last whole epoch, and ends with the
same weights as a run that was not."""


def add_arguments(parser):
    """Declare the arguments."""
    _add_files(parser)
    _add_network(parser)
    _add_training(parser)
    _add_run(parser)


def _add_files(parser):
    parser.add_argument(
        "dataset", metavar="DATASET_DIR", type=Path, help="made by make-dataset"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="MODEL",
        help="the model: a .safetensors file",
    )
    parser.add_argument("--epochs", type=positive_int, default=40, help="(default: 40)")
    parser.add_argument("--seed", type=natural, default=0, help="(default: 0)")


def _add_network(parser):
    parser.add_argument(
        "--channels",
        type=int,
        choices=(1, 3),
        help="train on luminance (1) or colour (3; grey images are repeated); default: "
        "as the images are",
    )
    parser.add_argument(
        "--filters",
        type=positive_int,
        nargs=2,
        default=(64, 32),
        metavar=("N1", "N2"),
        help="of the first two layers (default: 64 32)",
    )
    parser.add_argument(
        "--kernels",
        type=odd,
        nargs=3,
        default=(9, 1, 5),
        metavar=("F1", "F2", "F3"),
        help="sides of the three kernels, odd (default: 9 1 5)",
    )
    parser.add_argument(
        "--blur-aware",
        action="store_true",
        help="weights that depend on the blur, which is estimated from each photo; the "
        "dataset needs a range of blurs",
    )
    parser.add_argument(
        "--back-projections",
        type=natural,
        default=0,
        metavar="N",
        help="layers that blur the estimate again and correct it (default: 0)",
    )


def _add_training(parser):
    parser.add_argument(
        "--batch-size", type=positive_int, default=16, help="patches (default: 16)"
    )
    parser.add_argument(
        "--patch-size", type=positive_int, default=48, help="pixels (default: 48)"
    )
    parser.add_argument(
        "--learning-rate",
        type=positive_float,
        default=0.001,
        metavar="RATE",
        help="at the start (default: 0.001)",
    )
    parser.add_argument(
        "--schedule",
        choices=("cosine", "constant"),
        default="cosine",
        help="of the learning rate (default: cosine)",
    )
    parser.add_argument(
        "--validation-fraction",
        type=fraction,
        default=0.1,
        metavar="SHARE",
        help="of the images, held out to choose the best epoch (default: 0.1)",
    )


def _add_run(parser):
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="state after each epoch, removed at the end (default: beside the model)",
    )
    parser.add_argument(
        "--restart", action="store_true", help="forget the checkpoint of an earlier run"
    )
    parser.add_argument(
        "--plot", type=Path, metavar="PNG", help="draw loss and validation PSNR"
    )
    add_device(parser)
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="float32",
        help="of the training: tf32 is the fastest on a GPU; the model can be used in "
        "any (default: float32)",
    )
    add_overwrite(parser, "model and plot")
    add_quiet(parser)


def run(options):
    """Train, save the model, and draw its curves."""
    checkpoint_path = options.checkpoint or options.output.with_name(
        f"{options.output.stem}.checkpoint.safetensors"
    )
    _check_outputs(options, checkpoint_path)
    estimator = _estimator(options)
    get_backend(options.device, options.precision)

    from .._training.checkpoint import Checkpoint, forget
    from ..datasets import load_deblur_dataset
    from ..persistence import save_model

    dataset = load_deblur_dataset(
        options.dataset, channels=options.channels, quiet=options.quiet
    )
    if options.restart and checkpoint_path.exists():
        forget(checkpoint_path)
    checkpoint = Checkpoint(checkpoint_path, _settings(estimator, options))
    if checkpoint_path.exists() and not options.quiet:
        complain(f"going on from {checkpoint_path}")
    _fit(estimator, dataset, checkpoint)
    save_model(
        estimator,
        options.output,
        overwrite=options.overwrite,
        notes={"training": _notes(options, dataset, estimator)},
    )
    if options.plot:
        _plot(estimator, options)
    checkpoint_path.unlink(missing_ok=True)
    if not options.quiet:
        print(
            f"{options.output}: validation {estimator.best_validation_score_:.2f} dB "
            f"after {estimator.n_iter_} epochs"
        )
    return 0


def _fit(estimator, dataset, checkpoint):
    """Train, and leave parameters that go with a model for others."""
    from .._estimators.deblurrer import fit_deblurrer

    try:
        fit_deblurrer(estimator, dataset.X, dataset.y, checkpoint=checkpoint)
    except KeyboardInterrupt:
        complain("interrupted: the same command goes on after the last whole epoch")
        raise
    # partial_fit refuses early_stopping, and other machines may have other precisions.
    estimator.set_params(early_stopping=False, verbose=False)
    if estimator.precision != "float64":
        estimator.set_params(precision="float32")


def _check_outputs(options, checkpoint_path):
    """Find out before hours of training what would fail after them."""
    from .._files import check_folder, refuse_existing

    for path, what in ((options.output, "model"), (checkpoint_path, "checkpoint")):
        if path.suffix != ".safetensors":
            raise ValueError(
                f"{path}: a {what} is a .safetensors file, choose such a name."
            )
    if options.plot and options.plot.suffix.lower() != ".png":
        raise ValueError(
            f"{options.plot}: the plot is a .png file, choose such a name."
        )
    if checkpoint_path.resolve() == options.output.resolve():
        raise ValueError(
            f"{checkpoint_path} would be both checkpoint and model: choose two names."
        )
    for path in filter(None, (options.output, options.plot, checkpoint_path)):
        check_folder(path)
    for path in filter(None, (options.output, options.plot)):
        refuse_existing(path, overwrite=options.overwrite)


def _estimator(options):
    from .._estimators.deblurrer import DBCNNDeblurrer, check_parameters
    from ..pretrained import BLUR_AWARE

    estimator = DBCNNDeblurrer(
        n_filters=tuple(options.filters),
        kernel_sizes=tuple(options.kernels),
        n_back_projections=options.back_projections,
        **(BLUR_AWARE if options.blur_aware else {}),
        learning_rate=options.schedule,
        learning_rate_init=options.learning_rate,
        batch_size=options.batch_size,
        patch_size=options.patch_size,
        max_iter=options.epochs,
        n_iter_no_change=options.epochs,
        early_stopping=True,
        validation_fraction=options.validation_fraction,
        random_state=options.seed,
        verbose=not options.quiet,
        device=options.device,
        precision=options.precision,
    )
    check_parameters(estimator)
    return estimator


def _settings(estimator, options):
    """What the weights depend on: parameters and data."""
    from ..datasets import MANIFEST

    settings = estimator.get_params()
    for name in ("verbose", "device"):
        del settings[name]
    manifest = (options.dataset / MANIFEST).read_bytes()
    return settings | {
        "dataset": hashlib.sha256(manifest).hexdigest(),
        "channels": options.channels,
    }


def _notes(options, dataset, estimator):
    import json

    from .. import __version__

    return json.dumps(
        {
            "pydbcnn": __version__,
            "images": len(dataset.X),
            "sigma": [min(dataset.sigma), max(dataset.sigma)],
            "epochs": options.epochs,
            "seed": options.seed,
            "validation_psnr": round(estimator.best_validation_score_, 4),
        }
    )


def _plot(estimator, options):
    from .pictures import draw_curves, save_png

    losses = estimator.loss_curve_
    curves = {  # the logarithm of an error is negative
        "training loss": (losses, "log" if min(losses) > 0 else "linear"),
        "validation PSNR in dB": (estimator.validation_scores_, "linear"),
    }
    save_png(options.plot, draw_curves(curves, "epoch"), overwrite=options.overwrite)
