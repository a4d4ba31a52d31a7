"""The script that trains the models that ship, on three tiny photographs."""

import blur_examples
import numpy as np
import pytest
import train_models
from PIL import Image
from sharp_photos import sharp_photographs

from pydbcnn import BlurEstimator, DBCNNDeblurrer
from pydbcnn._pixels.values import luminance
from pydbcnn._training.checkpoint import Checkpoint
from pydbcnn.datasets import load_sample_images

NAMES = ("mild-fast", "mild", "robust")


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    side = blur_examples.SMALLEST
    for index, (top, left) in enumerate(((0, 0), (150, 200), (250, 100))):
        image = load_sample_images()[index % 2][top : top + side, left : left + side]
        Image.fromarray(image).save(folder / f"{index}.png")
    Image.fromarray(image[:50]).save(folder / "small.png")
    Image.fromarray(image[..., 0]).save(folder / "grey.png")
    return folder


@pytest.fixture
def little(monkeypatch):
    """Let the script train a small network and estimator, in the same way."""
    little = dict(n_filters=(4, 3), kernel_sizes=(3, 1, 3), verbose=False)
    monkeypatch.setattr(train_models, "LEARNING", train_models.LEARNING | little)
    monkeypatch.setattr(train_models, "N_DRAWS", 2)
    monkeypatch.setattr(
        blur_examples,
        "BlurEstimator",
        lambda **params: BlurEstimator(
            hidden_layer_sizes=(4,), n_members=1, n_crops=0, max_iter=2, **params
        ),
    )


def run(photos, out):
    arguments = [photos, "--out", out, "--epochs", 1, 1, 1, "--copies", 1]
    train_models.main([str(argument) for argument in arguments])


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def weights_in(folder):
    return [
        DBCNNDeblurrer.load(folder / f"{name}.safetensors")._params().tobytes()
        for name in NAMES
    ]


def test_small_and_grey_photographs_are_left_out(photos, tmp_path):
    shapes = [photo.shape for photo in sharp_photographs(photos, train_models.SMALLEST)]
    assert shapes == [(120, 120, 3)] * 3
    (tmp_path / "none").mkdir()
    (photos / "small.png").rename(tmp_path / "none" / "small.png")
    with pytest.raises(SystemExit, match=r"none holds no .* at least 120 pixels"):
        sharp_photographs(tmp_path / "none", train_models.SMALLEST)


@pytest.mark.usefixtures("little")
def test_models_are_trained_one_from_the_other(photos, tmp_path):
    out = tmp_path / "models"
    run(photos, out)
    assert sorted(contents(out)) == sorted(f"{name}.safetensors" for name in NAMES)
    models = [DBCNNDeblurrer.load(out / f"{name}.safetensors") for name in NAMES]
    assert [model.n_channels_in_ for model in models] == [1, 3, 3]
    assert all(model.n_basis_functions == 5 for model in models)
    assert all(not model.verbose and not model.warm_start for model in models)
    assert models[0].sigma_range_ == models[1].sigma_range_ == models[2].sigma_range_
    statistics = [model.blur_estimator_.regressor_.mean for model in models]
    np.testing.assert_array_equal(statistics[0], statistics[1])
    assert not np.array_equal(statistics[1], statistics[2])

    before = contents(out)
    run(photos, out)  # nothing is left to do
    assert contents(out) == before

    # The last model hangs on the file of the one before, not on who has trained it.
    expected = weights_in(out)
    (out / "robust.safetensors").unlink()
    run(photos, out)
    assert weights_in(out) == expected


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize("where", NAMES)
def test_an_interrupted_run_ends_with_the_same_weights(
    photos, tmp_path, monkeypatch, where
):
    """It is interrupted after the only epoch of a model, which left a checkpoint."""
    run(photos, tmp_path / "whole")
    save = Checkpoint.save

    def interrupted(self, training):
        save(self, training)
        if self.path.name.startswith(f"{where}.checkpoint"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(photos, tmp_path / "models")
    assert not (tmp_path / "models" / f"{where}.safetensors").exists()
    run(photos, tmp_path / "models")
    assert weights_in(tmp_path / "models") == weights_in(tmp_path / "whole")


def test_coloured_does_to_luminance_what_the_grey_model_does(sharp, blurred):
    grey = [train_models.grey(images) for images in (blurred, sharp)]
    model = DBCNNDeblurrer(
        **train_models.LEARNING
        | dict(n_filters=(4, 3), kernel_sizes=(3, 1, 3), patch_size=16, verbose=False),
        n_back_projections=1,
        max_iter=2,
        blur_estimator=BlurEstimator(
            hidden_layer_sizes=(4,), n_members=1, n_crops=0, max_iter=2
        ),
    ).fit(*grey)
    colours = train_models.coloured(model)
    assert colours.n_channels_in_ == colours.n_channels_out_ == 3
    assert colours.warm_start
    images = blurred / 255.0
    for sigma in (0.5, 1.6, 2.4):
        restored = np.stack([luminance(i) for i in colours.predict(images, sigma)])
        expected = model.predict(np.stack([luminance(i) for i in images]), sigma)
        np.testing.assert_allclose(restored, expected, atol=1e-5)
        assert np.abs(restored - [luminance(i) for i in images]).max() > 0.01


@pytest.mark.parametrize("make", ["blurred", "degraded"])
def test_what_is_learned_from_is_drawn_from_the_seed(sharp, make):
    first, again, other = (
        getattr(train_models, make)(list(sharp), np.random.RandomState(seed))
        for seed in (0, 0, 1)
    )
    assert all(image.dtype == np.uint8 for image in first)
    assert [image.shape for image in first] == [image.shape for image in sharp]
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not any(map(np.array_equal, first, sharp))


def test_copies_are_of_the_sizes():
    photos = [np.zeros((240, 300, 3), np.uint8), np.zeros((130, 130, 3), np.uint8)]
    shapes = [copy.shape[:2] for copy in train_models.copies(photos, 3)]
    assert shapes == [(240, 300), (130, 130)] * 2 + [(144, 180), (130, 130)]


def test_grey_is_luminance_from_0_to_1(sharp):
    for grey, image in zip(train_models.grey(sharp), sharp, strict=True):
        assert grey.dtype == np.float32
        expected = image @ [0.299, 0.587, 0.114] / 255
        np.testing.assert_allclose(grey, expected, atol=1e-6)


def test_photographs_of_a_test_set_are_left_out(photos, tmp_path, capsys):
    """By their pixels: sets call the same photograph by other names."""
    test = tmp_path / "test" / "set"
    test.mkdir(parents=True)
    Image.open(photos / "1.png").save(test / "another.png")
    found = sharp_photographs(photos, 120, without=test.parent)
    kept = [np.asarray(Image.open(photos / f"{index}.png")) for index in (0, 2)]
    assert len(found) == len(kept)
    for photo, expected in zip(found, kept, strict=True):
        np.testing.assert_array_equal(photo, expected)
    assert "left out: 1 photographs" in capsys.readouterr().out
