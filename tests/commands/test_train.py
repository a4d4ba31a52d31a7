"""The command train on real files, in a process of its own."""

import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
from photo_samples import save_photo, size_of
from PIL import Image
from sklearn.base import clone

from pydbcnn import DBCNNDeblurrer
from pydbcnn.datasets import load_deblur_dataset

TRAIN = (
    "--filters",
    6,
    4,
    "--kernels",
    5,
    1,
    3,
    "--patch-size",
    16,
    "--batch-size",
    4,
    "--epochs",
    3,
    "--validation-fraction",
    0.2,
)


def test_train_evaluate_deblur(run_pydbcnn, tmp_path, dataset, photo):
    result = run_pydbcnn(
        "train", dataset, "-o", "m.safetensors", *TRAIN, "--plot", "loss.png"
    )
    assert "m.safetensors: validation" in result.stdout
    assert not (tmp_path / "m.checkpoint.safetensors").exists()
    assert size_of(tmp_path / "loss.png") == (900, 720)
    model = DBCNNDeblurrer.load(tmp_path / "m.safetensors")
    assert model.n_filters == (6, 4)
    run_pydbcnn("deblur", photo, "--model", "m.safetensors")
    result = run_pydbcnn("evaluate", "m.safetensors", dataset)
    assert "mean" in result.stdout


def test_train_what_depends_on_the_blur(run_pydbcnn, tmp_path, sharp):
    """The command trains the same model as Python does, and restores with it."""
    (tmp_path / "photos").mkdir()
    for index, image in enumerate(sharp):
        save_photo(tmp_path / "photos" / f"{index}.png", image)
    run_pydbcnn("make-dataset", "photos", "pairs", "--sigma", 0.4, 1.4, "--quiet")
    run_pydbcnn(
        "train",
        "pairs",
        "-o",
        "m.safetensors",
        *TRAIN,
        "--blur-aware",
        "--back-projections",
        1,
        "--plot",
        "loss.png",
    )
    model = DBCNNDeblurrer.load(tmp_path / "m.safetensors")
    assert (model.n_basis_functions, model.inverse_filter) == (5, True)
    assert (model.n_back_projections, model.loss) == (1, "log_squared_error")
    dataset = load_deblur_dataset(tmp_path / "pairs")
    found = min(dataset.sigma), max(dataset.sigma)
    assert model.sigma_range_ == pytest.approx(found, abs=0.1)
    again = clone(model).set_params(early_stopping=True).fit(dataset.X, dataset.y)
    for coef, expected in zip(again.coefs_, model.coefs_, strict=True):
        np.testing.assert_array_equal(coef, expected)
    assert size_of(tmp_path / "loss.png") == (900, 720)
    run_pydbcnn("deblur", "photos/0.png", "--model", "m.safetensors", "--sigma", 1)
    with Image.open(tmp_path / "photos" / "0_deblurred.png") as restored:
        expected = model.predict(sharp[:1], 1.0)[0]
        np.testing.assert_array_equal(np.asarray(restored), expected)


def start_training(tmp_path, dataset, name):
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "pydbcnn",
            "train",
            dataset,
            "-o",
            name,
            *map(str, TRAIN),
            "--epochs",
            "60",
        ],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell runs in the background ignores Ctrl-C, and so do its children.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_training_ends_with_the_same_weights(
    run_pydbcnn, tmp_path, dataset, how
):
    arguments = (*TRAIN, "--epochs", 60)
    run_pydbcnn("train", dataset, "-o", "whole.safetensors", *arguments)
    checkpoint = tmp_path / "parts.checkpoint.safetensors"
    process = start_training(tmp_path, dataset, "parts.safetensors")
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (130 if how == signal.SIGINT else -how)
    if how == signal.SIGINT:
        assert "goes on after the last whole epoch" in errors
        assert "Traceback" not in errors
    assert checkpoint.exists()
    assert not (tmp_path / "parts.safetensors").exists()
    result = run_pydbcnn("train", dataset, "-o", "parts.safetensors", *arguments)
    assert "going on from parts.checkpoint.safetensors" in result.stderr
    assert not checkpoint.exists()
    whole, parts = (
        DBCNNDeblurrer.load(tmp_path / f"{name}.safetensors")
        for name in ("whole", "parts")
    )
    for coef, other in zip(whole.coefs_, parts.coefs_, strict=True):
        assert coef.tobytes() == other.tobytes()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("-o", "m.pt"), 1, "m.pt: a model is a .safetensors file"),
        (("-o", "m.safetensors", "--plot", "loss.jpg"), 1, "a .png file"),
        (("-o", "no/m.safetensors"), 1, "folder no of m.safetensors does not exist"),
        (("-o", "m.safetensors", "--kernels", 9, 2, 5), 2, "expected an odd integer"),
        (("-o", "m.safetensors", "--epochs", 0), 2, "'0': expected an integer of at"),
        (("-o", "m.safetensors", "--kernels", 9, 1, 17), 1, "integers from 1 to 15"),
        (("-o", "m.safetensors", "--device", "cuda"), 1, "device='cuda'"),
        (("-o", "m.safetensors", "--device", "gpu"), 2, "invalid choice: 'gpu'"),
        (("-o", "m.safetensors", "--precision", "tf32"), 1, "'tf32' is a format of"),
        (("-o", "m.safetensors", "--checkpoint", "a.png"), 1, "a.png: a checkpoint is"),
        (("-o", "m.safetensors", "--checkpoint", "m.safetensors"), 1, "two names"),
        (
            ("-o", "m.safetensors", "--epochs", "1" + 400 * "0"),
            2,
            "expected an integer",
        ),
    ],
)
def test_train_errors(run_pydbcnn, tmp_path, dataset, arguments, status, message):
    result = run_pydbcnn(
        "train", dataset, *arguments, status=status, CUDA_VISIBLE_DEVICES=""
    )
    assert message in result.stderr
    assert not list(tmp_path.glob("*.safetensors"))


def test_train_finds_out_early_that_it_may_not_write(run_pydbcnn, tmp_path, dataset):
    (tmp_path / "m.safetensors").write_text("precious")
    result = run_pydbcnn("train", dataset, "-o", "m.safetensors", *TRAIN, status=1)
    assert "exists already" in result.stderr
    assert (tmp_path / "m.safetensors").read_text() == "precious"
    result = run_pydbcnn("train", tmp_path, "-o", "n.safetensors", status=1)
    assert "is not a deblur dataset" in result.stderr


def test_restart_forgets_checkpoints_and_nothing_else(run_pydbcnn, tmp_path, dataset):
    DBCNNDeblurrer.from_pretrained("mild").save(tmp_path / "other.safetensors")
    arguments = ("train", dataset, "-o", "m.safetensors", *TRAIN, "--restart")
    result = run_pydbcnn(*arguments, "--checkpoint", "other.safetensors", status=1)
    assert "not one of format 'pydbcnn-checkpoint'" in result.stderr
    assert (tmp_path / "other.safetensors").exists()
    run_pydbcnn(*arguments)
