"""The script that trains what names blurs, on two tiny photographs."""

import json

import namer_examples
import numpy as np
import pytest
import train_namer
from PIL import Image
from safetensors import safe_open

from pydbcnn._blur_estimation.namer import CLASSES, FORMAT, FORMAT_VERSION, Namer
from pydbcnn._files import read_tensors
from pydbcnn.datasets import load_sample_images


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for index, image in enumerate(load_sample_images()):
        for left in (0, 310):
            part = image[:300, left : left + 310]
            Image.fromarray(part).save(folder / f"{index}_{left}.png")
    return folder


@pytest.fixture
def little(monkeypatch):
    """Train small networks for a moment."""
    monkeypatch.setattr(train_namer, "HIDDEN", (6,))
    monkeypatch.setattr(train_namer, "N_MEMBERS", 2)
    monkeypatch.setattr(train_namer, "RATES", ((1e-2, 3), (1e-3, 2)))


def run(photos, out):
    train_namer.main([str(photos), "--out", str(out), "--examples", "40"])
    return out / train_namer.NAME


@pytest.mark.usefixtures("little")
def test_the_same_photographs_give_the_same_weights(photos, tmp_path, capsys):
    path = run(photos, tmp_path / "first")
    tensors, _ = read_tensors(path, FORMAT, FORMAT_VERSION)
    namer = Namer.from_tensors(tensors)
    assert len(namer.classifier.members) == len(namer.regressor.members) == 2
    with safe_open(path, "np") as file:
        notes = json.loads(file.metadata()["training"])
    assert notes["photographs"] == 4
    assert notes["examples"] == 40
    again, _ = read_tensors(run(photos, tmp_path / "second"), FORMAT, FORMAT_VERSION)
    assert sorted(again) == sorted(tensors)
    assert all(again[name].tobytes() == tensors[name].tobytes() for name in tensors)
    before = path.stat().st_mtime_ns
    run(photos, tmp_path / "first")
    assert path.stat().st_mtime_ns == before
    assert "is there already" in capsys.readouterr().out


def test_examples_depend_on_their_generator_alone():
    photo = load_sample_images()[0]
    for seed in range(12):
        (image, blur), (other, same) = (
            namer_examples.photograph(photo, np.random.default_rng(seed))
            for _ in range(2)
        )
        np.testing.assert_array_equal(image, other)
        assert blur == same
        assert image.dtype == np.uint8
        assert image.shape[2] == 3
        assert train_namer.class_of(blur) in CLASSES


@pytest.mark.parametrize("draw", namer_examples.DRAWINGS)
def test_drawings(draw):
    for seed in range(4):
        image = draw((120, 150), np.random.default_rng(seed))
        assert image.shape == (120, 150, 3)
        assert image.dtype == np.uint8
