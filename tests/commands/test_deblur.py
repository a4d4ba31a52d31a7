"""The commands on real files, each in a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial

import cv2
import numpy as np
import pytest
from blur_models import deblurrer_that_sees
from PIL import Image
from sklearn.base import clone

from pydbcnn import DBCNNDeblurrer, __version__
from pydbcnn._pixels.images import luminance
from pydbcnn.backends.cpu import CpuBackend
from pydbcnn.datasets import load_deblur_dataset
from pydbcnn.metrics import peak_signal_noise_ratio

ORIENTATION = 0x0112


def save_photo(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)


def size_of(path):
    with Image.open(path) as image:
        return image.size


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.fixture
def photo(tmp_path, blurred):
    """A blurred JPEG that lies on its side."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[0x010F] = "Camera maker"
    save_photo(tmp_path / "photo.jpg", blurred[0], quality=95, exif=exif)
    return tmp_path / "photo.jpg"


@pytest.fixture
def dataset(tmp_path, sharp, run_pydbcnn):
    """Six pairs, sigma 1.6."""
    (tmp_path / "photos").mkdir()
    for index, image in enumerate(sharp):
        save_photo(tmp_path / "photos" / f"{index}.png", image)
    run_pydbcnn("make-dataset", "photos", "pairs", "--sigma", 1.6, "--quiet")
    return tmp_path / "pairs"


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


# deblur


def test_deblur_is_the_library_on_a_file(run_pydbcnn, tmp_path, blurred):
    save_photo(tmp_path / "photo.png", blurred[0])
    result = run_pydbcnn("deblur", "photo.png")
    assert result.stdout == "1 restored\n"
    expected = DBCNNDeblurrer.from_pretrained("mild").predict(blurred[:1])[0]
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "photo_deblurred.png")), expected
    )


def test_deblur_keeps_orientation_exif_and_profile(run_pydbcnn, tmp_path, photo):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    with Image.open(photo) as image:
        image.save(tmp_path / "icc.jpg", icc_profile=profile, exif=image.getexif())
    run_pydbcnn("deblur", "icc.jpg", "-o", "better.jpg")
    with Image.open(tmp_path / "better.jpg") as better:
        assert better.size == (48, 40)
        assert better.getexif()[ORIENTATION] == 6
        assert better.getexif()[0x010F] == "Camera maker"
        assert better.info["icc_profile"] == profile


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg"])
def test_deblur_greyscale(run_pydbcnn, tmp_path, blurred, suffix):
    grey = blurred[0, ..., 1]
    save_photo(tmp_path / f"grey.{suffix}", grey)
    run_pydbcnn("deblur", f"grey.{suffix}", "--quiet")
    with Image.open(tmp_path / f"grey_deblurred.{suffix}") as result:
        restored = np.asarray(result.convert("L"))
    if suffix in ("png", "tif"):
        colour = np.repeat(grey[np.newaxis, ..., np.newaxis], 3, axis=3)
        estimate = DBCNNDeblurrer.from_pretrained("mild").predict(colour)[0]
        np.testing.assert_array_equal(restored, np.rint(luminance(estimate)))
    assert restored.shape == grey.shape


def test_deblur_keeps_alpha_and_sixteen_bits(run_pydbcnn, tmp_path, blurred):
    alpha = np.arange(40 * 48, dtype=np.uint8).reshape(40, 48, 1)
    save_photo(tmp_path / "alpha.png", np.concatenate([blurred[0], alpha], axis=2))
    deep = blurred[0].astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "deep.png"), deep[..., ::-1])
    run_pydbcnn("deblur", "alpha.png", "deep.png", "-o", "out")
    result = np.asarray(Image.open(tmp_path / "out" / "alpha.png"))
    np.testing.assert_array_equal(result[..., 3:], alpha)
    model = DBCNNDeblurrer.from_pretrained("mild")
    np.testing.assert_array_equal(result[..., :3], model.predict(blurred[:1])[0])
    result = cv2.imread(str(tmp_path / "out" / "deep.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(result[..., ::-1], model.predict(deep[np.newaxis])[0])


def test_deblur_never_overwrites_unasked(run_pydbcnn, tmp_path, photo):
    (tmp_path / "photo_deblurred.jpg").write_text("precious")
    result = run_pydbcnn("deblur", "photo.jpg", status=1)
    assert "photo_deblurred.jpg exists already" in result.stderr
    assert (tmp_path / "photo_deblurred.jpg").read_text() == "precious"
    run_pydbcnn("deblur", "photo.jpg", "--overwrite")
    assert size_of(tmp_path / "photo_deblurred.jpg") == (48, 40)
    before = photo.read_bytes()
    result = run_pydbcnn(
        "deblur", "photo.jpg", "-o", "photo.jpg", "--overwrite", status=1
    )
    assert "would replace the photo itself" in result.stderr
    assert photo.read_bytes() == before


def test_deblur_names_bad_files_and_goes_on(run_pydbcnn, tmp_path, photo, blurred):
    (tmp_path / "empty.png").touch()
    save_photo(tmp_path / "cut.jpg", blurred[1], quality=95)
    truncate(tmp_path / "cut.jpg")
    (tmp_path / "text.jpg").write_text("no photo")
    result = run_pydbcnn(
        "deblur", "empty.png", "cut.jpg", "text.jpg", "none.jpg", "photo.jpg", status=1
    )
    for name in ("empty.png", "cut.jpg", "text.jpg", "none.jpg"):
        assert name in result.stderr
    assert result.stdout == "1 restored, 4 failed\n"
    assert {p.name for p in tmp_path.iterdir()} == {
        "empty.png",
        "cut.jpg",
        "text.jpg",
        "photo.jpg",
        "photo_deblurred.jpg",
    }


def test_deblur_folders_and_patterns(run_pydbcnn, tmp_path, blurred):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("a.png", "b.png", "deep/c.png"):
        save_photo(tmp_path / "in" / name, blurred[0])
    run_pydbcnn("deblur", "in", "-o", "flat")
    run_pydbcnn("deblur", "in", "--recursive", "-o", "all")
    run_pydbcnn("deblur", "in/[b]*.png", "-o", "some")

    def names(folder):
        return sorted(
            p.relative_to(tmp_path / folder).as_posix()
            for p in (tmp_path / folder).rglob("*.png")
        )

    assert names("flat") == ["a.png", "b.png"]
    assert names("all") == ["a.png", "b.png", "deep/c.png"]
    assert names("some") == ["b.png"]
    run_pydbcnn("deblur", "in")
    again = run_pydbcnn("deblur", "in", "--overwrite")
    assert "2 result(s) of an earlier run" in again.stderr
    assert names("in") == [
        "a.png",
        "a_deblurred.png",
        "b.png",
        "b_deblurred.png",
        "deep/c.png",
    ]


def test_deblur_takes_an_earlier_result_that_is_named(run_pydbcnn, tmp_path, blurred):
    save_photo(tmp_path / "x_deblurred.png", blurred[0])
    assert run_pydbcnn("deblur", "./x_deblurred.png").stdout == "1 restored\n"


def test_deblur_does_not_mix_up_results(run_pydbcnn, tmp_path, blurred):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        save_photo(tmp_path / folder / "same.png", blurred[0])
    result = run_pydbcnn(
        "deblur", "one/same.png", "two/same.png", "-o", "out", "--overwrite", status=1
    )
    assert "all would become out/same.png" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("photo.jpg", "--model", "wild"), "no model or file 'wild'"),
        (("photo.jpg", "--model", "photo.jpg"), "not a safetensors file"),
        (("photo.jpg", "-o", "out.gif"), "'.gif' is no format"),
        (("photo.jpg", "--device", "cuda"), "device='cuda' cannot be used"),
        (("photo.jpg", "--precision", "tf32"), "a format of GPUs, and no GPU is"),
        (("nothing*.jpg",), "nothing*.jpg"),
    ],
)
def test_deblur_errors(run_pydbcnn, photo, arguments, message):
    result = run_pydbcnn("deblur", *arguments, status=1, CUDA_VISIBLE_DEVICES="")
    assert message in result.stderr


@pytest.fixture
def aware(tmp_path, blurred):
    """Models of colours that depend on the blur, and a photograph of 80 x 48 pixels."""
    for name, sigma in (("aware", 1.4), ("sees_sharp", 0.3), ("told", None)):
        deblurrer_that_sees(sigma, 3).save(tmp_path / f"{name}.safetensors")
    save_photo(tmp_path / "photo.png", np.concatenate(blurred[:2]))
    return deblurrer_that_sees(1.4, 3)


@pytest.mark.parametrize(
    ("arguments", "how"),
    [
        ((), {}),
        (("--sigma", 0.9), {"sigma": 0.9}),
        (("--sigma", "0"), {"sigma": 0.0}),
        (("--tile-size", 32), {"tile_size": 32}),
    ],
)
def test_deblur_with_a_known_blur_and_in_tiles(
    run_pydbcnn, tmp_path, blurred, aware, arguments, how
):
    run_pydbcnn("deblur", "photo.png", "-m", "aware.safetensors", *arguments)
    photo = np.concatenate(blurred[:2])
    result = np.asarray(Image.open(tmp_path / "photo_deblurred.png"))
    np.testing.assert_array_equal(result, aware.predict(photo[np.newaxis], **how)[0])
    assert np.array_equal(result, photo) == (how == {"sigma": 0.0})


def test_deblur_leaves_sharp_photographs_alone(run_pydbcnn, tmp_path, blurred, aware):
    run_pydbcnn("deblur", "photo.png", "-m", "sees_sharp.safetensors")
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "photo_deblurred.png")),
        np.concatenate(blurred[:2]),
    )


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--sigma", "-1"), 2, "'-1': expected a number of at least 0"),
        (("--sigma", "much"), 2, "'much': expected a number of at least 0"),
        (("--sigma", "inf"), 2, "'inf': expected a number of at least 0"),
        (("--tile-size", 0), 2, "'0': expected an integer of at least 1"),
        (("--tile-size", 2.5), 2, "'2.5': expected an integer of at least 1"),
        (("--tile-size", 16), 1, "tile_size=16: expected an integer of at least 32"),
        (("--tile-size", 64, "--sigma", 1), 1, "exclude each other"),
        (("-m", "told.safetensors"), 1, "does not estimate the blur: pass its sigma"),
        (
            ("-m", "plain.safetensors", "--sigma", 1),
            1,
            "plain.safetensors is the same for every blur",
        ),
        (
            ("-m", "plain.safetensors", "--tile-size", 64),
            1,
            "plain.safetensors is the same for every blur",
        ),
    ],
)
def test_deblur_errors_about_the_blur(
    run_pydbcnn, tmp_path, aware, fitted, arguments, status, message
):
    fitted.save(tmp_path / "plain.safetensors")
    result = run_pydbcnn(
        "deblur", "photo.png", "-m", "aware.safetensors", *arguments, status=status
    )
    assert message in result.stderr
    assert not (tmp_path / "photo_deblurred.png").exists()


def test_deblur_refuses_a_format_before_the_work(run_pydbcnn, tmp_path, blurred):
    alpha = np.full((40, 48, 1), 128, np.uint8)
    save_photo(tmp_path / "alpha.png", np.concatenate([blurred[0], alpha], axis=2))
    result = run_pydbcnn("deblur", "alpha.png", "-o", "alpha.jpg", status=1)
    assert "alpha" in result.stderr
    assert not (tmp_path / "alpha.jpg").exists()


def test_deblur_obeys_the_instruction_set(run_pydbcnn, photo):
    run_pydbcnn("deblur", "photo.jpg", PYDBCNN_ISA="baseline")
    result = run_pydbcnn(
        "deblur", "photo.jpg", "--overwrite", status=1, PYDBCNN_ISA="quantum"
    )
    assert "'quantum'" in result.stderr


def test_deblur_and_evaluate_in_another_precision(
    run_pydbcnn, tmp_path, photo, dataset
):
    run_pydbcnn("deblur", "photo.jpg", "-o", "single.png")
    run_pydbcnn("deblur", "photo.jpg", "-o", "double.png", "--precision", "float64")
    single, double = (
        cv2.imread(str(tmp_path / f"{name}.png")).astype(int)
        for name in ("single", "double")
    )
    assert np.abs(single - double).max() <= 1
    result = run_pydbcnn(
        "deblur",
        "photo.jpg",
        "--precision",
        "bfloat16",
        status=1,
        PYDBCNN_ISA="baseline",
    )
    assert "'bfloat16' needs the instruction set avx512_bf16 or amx" in result.stderr
    assert "'baseline' is in use" in result.stderr
    if "bfloat16" in CpuBackend().precisions:
        run_pydbcnn("deblur", "photo.jpg", "-o", "half.png", "--precision", "bfloat16")
        half = cv2.imread(str(tmp_path / "half.png")).astype(int)
        assert 0 < np.abs(single - half).max() <= 4
    scores = [
        json.loads(
            run_pydbcnn("evaluate", "mild", dataset, "--json", "-q", *arguments).stdout
        )
        for arguments in ((), ("--precision", "float64"))
    ]
    assert scores[0]["mean"]["psnr_after"] == pytest.approx(
        scores[1]["mean"]["psnr_after"], abs=0.01
    )


# make-dataset


def test_make_dataset(run_pydbcnn, tmp_path, sharp):
    (tmp_path / "photos").mkdir()
    for index, image in enumerate(sharp):
        save_photo(tmp_path / "photos" / f"{index}.png", image)
    save_photo(tmp_path / "photos" / "cut.jpg", sharp[0])
    truncate(tmp_path / "photos" / "cut.jpg")
    result = run_pydbcnn(
        "make-dataset", "photos", "pairs", "--sigma", 0.5, 3, "--seed", 3, status=1
    )
    assert "cut.jpg" in result.stderr
    assert result.stdout == "pairs: 6 pairs made, 1 failed\n"
    manifest = json.loads((tmp_path / "pairs" / "manifest.json").read_text())
    entry = manifest["images"][2]
    expected = cv2.GaussianBlur(sharp[2], (entry["kernel_size"],) * 2, entry["sigma"])
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "pairs" / entry["blurred"])), expected
    )
    result = run_pydbcnn(
        "make-dataset", "photos", "pairs", "--sigma", 0.5, 3, "--seed", 3, status=1
    )
    assert result.stdout == "pairs: 0 pairs made, 6 were there, 1 failed\n"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("photos", "pairs"), 2, "--sigma"),
        (
            ("photos", "pairs", "--sigma", "-1"),
            2,
            "'-1': expected a number of at least 0",
        ),
        (("photos", "pairs", "--sigma", 1, 2, 3), 2, "one value or two"),
        (("photos", "pairs", "--sigma", 3, 1), 1, "0 <= low <= high"),
        (("photos", "pairs", "--sigma", "1e9"), 1, "pass a smaller sigma"),
        (
            ("photos", "pairs", "--sigma", 1, "--kernel-size", 4),
            2,
            "'4': expected an odd",
        ),
        (("nowhere", "pairs", "--sigma", 1), 1, "nowhere is not a folder"),
        (("photos", "photos", "--sigma", 1), 1, "not a deblur dataset"),
    ],
)
def test_make_dataset_errors(run_pydbcnn, tmp_path, sharp, arguments, status, message):
    (tmp_path / "photos").mkdir()
    save_photo(tmp_path / "photos" / "a.png", sharp[0])
    result = run_pydbcnn("make-dataset", *arguments, status=status)
    assert message in result.stderr
    assert not (tmp_path / "pairs").exists()


# train


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
    """The same model as from Python, and the command restores with it."""
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


# evaluate


def test_evaluate_prints_what_the_library_measures(
    run_pydbcnn, tmp_path, dataset, sharp
):
    result = run_pydbcnn("evaluate", "mild", dataset, "--json", "--quiet")
    scores = json.loads(result.stdout)
    assert scores["protocol"] == {"channels": "luminance", "border": 8}
    blurred = cv2.imread(str(dataset / "blurred" / "0.png"))[np.newaxis, ..., ::-1]
    estimate = DBCNNDeblurrer.from_pretrained("mild").predict(blurred)

    def value(image):
        return luminance(image[:, 8:-8, 8:-8] / 255.0)

    first = scores["images"][0]
    assert first["psnr_before"] == pytest.approx(
        peak_signal_noise_ratio(value(sharp[:1]), value(blurred))
    )
    assert first["psnr_after"] == pytest.approx(
        peak_signal_noise_ratio(value(sharp[:1]), value(estimate))
    )
    mean = np.mean([row["psnr_after"] for row in scores["images"]])
    assert scores["mean"]["psnr_after"] == pytest.approx(mean)
    table = run_pydbcnn("evaluate", "mild", dataset, "--rgb", "--border", 0).stdout
    assert "all channels, 0 pixels of border left out" in table
    assert table.count("\n") == 2 + 6 + 1


def test_evaluate_writes_a_report(run_pydbcnn, tmp_path, dataset):
    run_pydbcnn("evaluate", "mild", dataset, "--html", "report.html", "--quiet")
    page = (tmp_path / "report.html").read_text()
    assert page.count("<img ") == 18
    assert page.count('src="data:image/png;base64,') == 18
    assert "before:" in page
    assert "after:" in page
    result = run_pydbcnn("evaluate", "mild", dataset, "--html", "report.html", status=1)
    assert "exists already" in result.stderr


def test_evaluate_errors(run_pydbcnn, tmp_path, dataset):
    result = run_pydbcnn("evaluate", "wild", dataset, status=1)
    assert "no model or file 'wild'" in result.stderr
    result = run_pydbcnn("evaluate", "mild", tmp_path, status=1)
    assert "is not a deblur dataset" in result.stderr
    result = run_pydbcnn("evaluate", "mild", dataset, "--border", 16, status=1)
    assert "Lower --border" in result.stderr
    result = run_pydbcnn("evaluate", "mild", dataset, "--html", "no/r.html", status=1)
    assert "folder no of r.html does not exist" in result.stderr
    truncate(dataset / "sharp" / "0.png")
    result = run_pydbcnn("evaluate", "mild", dataset, status=1)
    assert "0.png" in result.stderr


# everything else


def test_info(run_pydbcnn):
    shown = run_pydbcnn("info", OMP_NUM_THREADS="3").stdout
    for word in ("numpy", "instruction set", "GPU", "mild"):
        assert word in shown
    assert [line.split() for line in shown.splitlines() if "threads" in line] == [
        ["threads", "3"]
    ]


@pytest.mark.parametrize(
    "command", ["deblur", "make-dataset", "train", "evaluate", "info"]
)
def test_help_has_examples(run_pydbcnn, command):
    shown = run_pydbcnn(command, "--help").stdout
    assert "examples:" in shown
    assert f"pydbcnn {command}" in shown


def test_words_that_are_wrong(run_pydbcnn):
    assert "usage:" in run_pydbcnn(status=2).stderr
    assert "invalid choice" in run_pydbcnn("sharpen", status=2).stderr
    assert run_pydbcnn("--version").stdout.strip() == __version__


def test_the_installed_command_is_the_same():
    command = os.path.join(os.path.dirname(sys.executable), "pydbcnn")
    result = subprocess.run(
        [command, "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == __version__


def test_a_sigma_beyond_what_was_learned_is_named(run_pydbcnn, photo):
    result = run_pydbcnn("deblur", photo, "--sigma", 100)
    assert re.search(r"--sigma 100 is beyond the 3\.\d+ pixels", result.stderr)
    assert "1 restored" in result.stdout
