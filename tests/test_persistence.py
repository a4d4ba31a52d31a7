"""Models in files: round trips, hostile files, ONNX."""

import json

import numpy as np
import pytest
from safetensors.numpy import save, save_file

from pydbcnn import DBCNNDeblurrer
from pydbcnn.persistence import save_model
from pydbcnn.pretrained import available_models, model_card, model_path


def test_a_saved_model_predicts_the_same(fitted, blurred, tmp_path):
    path = tmp_path / "model.safetensors"
    fitted.save(path)
    loaded = DBCNNDeblurrer.load(path)
    assert loaded.get_params() == fitted.get_params()
    np.testing.assert_array_equal(loaded.predict(blurred), fitted.predict(blurred))
    assert loaded.n_channels_in_ == 3


def test_double_precision_survives(sharp, blurred, tmp_path):
    deblurrer = DBCNNDeblurrer(
        n_filters=(3, 2),
        kernel_sizes=(3, 1, 3),
        patch_size=16,
        max_iter=1,
        learning_rate="cosine",
        precision="float64",
        random_state=0,
    ).fit(blurred[:1], sharp[:1])
    deblurrer.save(tmp_path / "model.safetensors")
    loaded = DBCNNDeblurrer.load(tmp_path / "model.safetensors")
    assert loaded.coefs_[0].tobytes() == deblurrer.coefs_[0].tobytes()


def test_subclasses_load_as_themselves(fitted, tmp_path):
    class Mine(DBCNNDeblurrer):
        pass

    fitted.save(tmp_path / "model.safetensors")
    assert type(Mine.load(tmp_path / "model.safetensors")) is Mine
    assert type(DBCNNDeblurrer.load(tmp_path / "model.safetensors")) is DBCNNDeblurrer


def test_a_loaded_model_learns_further(fitted, sharp, blurred, tmp_path):
    fitted.save(tmp_path / "model.safetensors")
    loaded = DBCNNDeblurrer.load(tmp_path / "model.safetensors")
    before = loaded.coefs_[0].copy()
    loaded.partial_fit(blurred, sharp)
    assert not np.array_equal(loaded.coefs_[0], before)


def test_nothing_is_overwritten_unasked(fitted, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="exists already"):
        fitted.save(path)
    assert path.read_text() == "precious"
    fitted.save(path, overwrite=True)
    assert DBCNNDeblurrer.load(path).radius_ == 3
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_what_cannot_be_saved_says_so(fitted, tmp_path):
    rows = DBCNNDeblurrer(
        n_filters=(2, 2), kernel_sizes=(3, 1, 1), max_iter=1, learning_rate="cosine"
    ).fit(np.zeros((9, 5)), np.zeros((9, 5)))
    with pytest.raises(ValueError, match="fitted on rows of pixels"):
        rows.save(tmp_path / "rows.safetensors")
    odd = DBCNNDeblurrer.from_weights(
        fitted.coefs_, fitted.intercepts_, random_state=np.random.RandomState(0)
    )
    with pytest.raises(TypeError, match=r"RandomState.*random_state=0"):
        odd.save(tmp_path / "odd.safetensors")
    with pytest.raises(FileNotFoundError, match=r"folder .* does not exist"):
        fitted.save(tmp_path / "nowhere" / "model.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_notes_are_kept(fitted, tmp_path):
    from safetensors import safe_open

    save_model(fitted, tmp_path / "m.safetensors", notes={"training": "by hand"})
    with safe_open(tmp_path / "m.safetensors", framework="np") as file:
        assert file.metadata()["training"] == "by hand"


def hostile_files(good):
    """File contents that must be refused, and what the error says."""
    header_length = int.from_bytes(good[:8], "little")
    header = json.loads(good[8 : 8 + header_length])

    def with_header(change, data=good[8 + header_length :]):
        changed = json.loads(json.dumps(header))
        change(changed)
        text = json.dumps(changed).encode()
        return len(text).to_bytes(8, "little") + text + data

    def params(text):
        return with_header(lambda h: h["__metadata__"].update(params=text))

    zeros = {f"coefs.{i}": np.zeros((3, 3, 1, 1), np.float32) for i in range(3)}
    nan = zeros | {f"intercepts.{i}": np.full(1, np.nan, np.float32) for i in range(3)}
    meta = {"format": "pydbcnn-model", "format_version": "1", "params": "{}"}
    return {
        "empty": (b"", "not a safetensors file"),
        "text": (b"hello, this is no model at all", "not a safetensors file"),
        "pickle": (b"\x80\x04\x95cos\nsystem\n", "not a safetensors file"),
        "cut": (good[:-10], "not a safetensors file, or a damaged one"),
        "huge header": (
            (2**62).to_bytes(8, "little") + b"{}",
            "not a safetensors file",
        ),
        "huge tensor": (
            with_header(lambda h: h["coefs.0"].update(shape=[2**40, 5, 3, 6])),
            "not a safetensors file, or a damaged one",
        ),
        "other format": (save({"a": np.zeros(1)}), "not one of format 'pydbcnn-model'"),
        "newer": (
            with_header(lambda h: h["__metadata__"].update(format_version="2")),
            "newer pydbcnn",
        ),
        "params no json": (params("{"), "damaged pydbcnn model"),
        "params no dict": (params("[1]"), "damaged pydbcnn model"),
        "params deep": (params("[" * 100000), "damaged pydbcnn model"),
        "unknown param": (params('{"evil": 1}'), "does not know: evil"),
        "bad residual": (params('{"residual": "no"}'), "neither true nor false"),
        "bad param": (params('{"solver": "evil"}'), "'solver'"),
        "missing tensor": (save(zeros, meta), "damaged pydbcnn model"),
        "NaN": (save(nan, meta), "not all finite"),
    }


NAMES = (
    "empty",
    "text",
    "pickle",
    "cut",
    "huge header",
    "huge tensor",
    "other format",
    "newer",
    "params no json",
    "params no dict",
    "params deep",
    "unknown param",
    "bad residual",
    "bad param",
    "missing tensor",
    "NaN",
)


@pytest.mark.parametrize("name", NAMES)
def test_hostile_files_are_refused(fitted, tmp_path, name):
    good = tmp_path / "good.safetensors"
    fitted.save(good)
    files = hostile_files(good.read_bytes())
    assert tuple(files) == NAMES
    content, message = files[name]
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        DBCNNDeblurrer.load(path)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file"):
        DBCNNDeblurrer.load(tmp_path / "none.safetensors")
    with pytest.raises(FileNotFoundError, match="no file"):
        DBCNNDeblurrer.load(tmp_path)


def test_tensors_of_other_layers_are_refused(fitted, tmp_path):
    path = tmp_path / "model.safetensors"
    tensors = {f"coefs.{i}": c for i, c in enumerate(fitted.coefs_)}
    tensors |= {f"intercepts.{i}": b for i, b in enumerate(fitted.intercepts_)}
    tensors |= {"coefs.9": np.zeros(1), "extra": np.zeros(1)}
    save_file(
        tensors,
        path,
        {"format": "pydbcnn-model", "format_version": "1", "params": "{}"},
    )
    with pytest.raises(ValueError, match="damaged pydbcnn model"):
        DBCNNDeblurrer.load(path)


def test_models_that_ship():
    assert "mild" in available_models()
    deblurrer = DBCNNDeblurrer.from_pretrained("mild")
    assert deblurrer.n_channels_in_ == 3
    assert model_path("mild").stat().st_size < 1.5e6
    assert "seed" in model_card("mild")
    with pytest.raises(ValueError, match=r"no model 'wild'.*ships: .*mild"):
        DBCNNDeblurrer.from_pretrained("wild")


@pytest.mark.parametrize("residual", [True, False])
def test_onnx_runtime_computes_the_same(sharp, blurred, tmp_path, residual):
    runtime = pytest.importorskip("onnxruntime")
    deblurrer = DBCNNDeblurrer(
        n_filters=(6, 4),
        kernel_sizes=(5, 3, 3),
        patch_size=16,
        batch_size=4,
        learning_rate="cosine",
        max_iter=2,
        residual=residual,
        random_state=0,
    ).fit(blurred, sharp)
    path = tmp_path / "model.onnx"
    deblurrer.to_onnx(path)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    images = (blurred[:2, :31, :37] / 255.0).astype(np.float32)
    (restored,) = session.run(None, {"blurred": images})
    np.testing.assert_allclose(restored, deblurrer.predict(images), atol=1e-5)
    with pytest.raises(FileExistsError):
        deblurrer.to_onnx(path)


def test_onnx_that_is_missing_is_named(fitted, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'pydbcnn\[onnx\]'"):
        fitted.to_onnx(tmp_path / "model.onnx")
