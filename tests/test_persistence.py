"""Models in files: round trips, hostile files, ONNX."""

import json
from copy import deepcopy

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save, save_file

from pydbcnn import BlurEstimator, DBCNNDeblurrer, GaussianBlurTransformer
from pydbcnn._network.network import Network
from pydbcnn.backends.reference import ReferenceBackend
from pydbcnn.persistence import read_model, save_model
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
            with_header(lambda h: h["__metadata__"].update(format_version="3")),
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


# ------------------------------------------------- weights that depend on the blur

LAYERS = [(3, 3, 3, 4), (1, 1, 4, 3), (3, 3, 3, 3)]
FORMS = {
    "plain": {},
    "back-projections": {"n_back_projections": 2},
    "combine": {"combine": True},
    "filter": {"inverse_filter": True},
    "polynomials": {"n_basis_functions": 3},
    "all": {
        "n_basis_functions": 2,
        "inverse_filter": True,
        "n_back_projections": 1,
        "combine": True,
        "sigma_noise": 0.1,
        "loss": "log_squared_error",
    },
}


def model_of(form, **params):
    """Fitted on a few images, each with a blur of its own."""
    random_state = np.random.RandomState(0)
    y = random_state.randint(256, size=(4, 33, 34, 3)).astype(np.uint8)
    X = np.concatenate(
        [
            GaussianBlurTransformer(sigma).transform(image[np.newaxis])
            for sigma, image in zip((0.5, 0.8, 1.0, 1.2), y, strict=True)
        ]
    )
    model = DBCNNDeblurrer(
        n_filters=(4, 3),
        kernel_sizes=(3, 1, 3),
        blur_estimator=BlurEstimator(
            hidden_layer_sizes=(4,), n_members=2, n_crops=0, max_iter=2
        ),
        patch_size=16,
        max_iter=1,
        learning_rate="cosine",
        random_state=0,
        **FORMS[form] | params,
    ).fit(X, y)
    return model, X


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_survives(form, precision, tmp_path):
    model, X = model_of(form, precision=precision)
    model.save(tmp_path / "model.safetensors")
    loaded = DBCNNDeblurrer.load(tmp_path / "model.safetensors")
    assert loaded._weights == model._weights
    assert loaded._params().dtype == precision
    assert loaded._params().tobytes() == model._params().tobytes()
    assert loaded.sigma_range_ == model.sigma_range_
    for name in FORMS[form]:
        assert getattr(loaded, name) == getattr(model, name)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    if model.blur_estimator_ is None:
        assert loaded.blur_estimator_ is None
    else:
        np.testing.assert_array_equal(loaded.estimate_blur(X), model.estimate_blur(X))
    read, settings = read_model(tmp_path / "model.safetensors")
    assert read.weights == model._weights
    assert settings["n_filters"] == (4, 3)
    assert "blur_estimator" not in settings


def test_a_model_that_is_told_the_blur_survives(tmp_path):
    model, X = model_of("all")
    bare = DBCNNDeblurrer.from_weights(
        model.coefs_,
        model.intercepts_,
        back_projection_coefs=model.back_projection_coefs_,
        combination_coefs=model.combination_coefs_,
        sigma_range=model.sigma_range_,
        inverse_filter=True,
    )
    bare.save(tmp_path / "model.safetensors")
    loaded = DBCNNDeblurrer.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict(X, 1.0), model.predict(X, 1.0))
    with pytest.raises(ValueError, match="pass sigma"):
        loaded.predict(X)


def test_a_loaded_model_that_depends_on_the_blur_learns_further(tmp_path):
    model, X = model_of("all")
    model.save(tmp_path / "model.safetensors")
    loaded = DBCNNDeblurrer.load(tmp_path / "model.safetensors")
    before = loaded.blur_estimator_.predict(X)
    loaded.partial_fit(X, X)
    assert loaded._params().tobytes() != model._params().tobytes()
    # The file does not hold what training an estimator further takes.
    np.testing.assert_array_equal(loaded.blur_estimator_.predict(X), before)
    assert loaded.sigma_range_ == model.sigma_range_


def test_files_of_format_1_still_load(tmp_path):
    """Such files have no names of what came later."""
    random_state = np.random.RandomState(0)
    tensors = {}
    for layer, shape in enumerate(LAYERS):
        tensors[f"coefs.{layer}"] = random_state.normal(size=shape).astype(np.float32)
        tensors[f"intercepts.{layer}"] = np.zeros(shape[-1], np.float32)
    params = {
        "n_filters": [4, 3],
        "kernel_sizes": [3, 1, 3],
        "residual": False,
        "solver": "sgd",
        "max_iter": 7,
        "data_range": 255.0,
    }
    metadata = {"format": "pydbcnn-model", "format_version": "1"}
    path = tmp_path / "old.safetensors"
    save_file(tensors, path, metadata | {"params": json.dumps(params)})
    model = DBCNNDeblurrer.load(path)
    assert (model.solver, model.max_iter, model.data_range) == ("sgd", 7, 255.0)
    assert (model.n_basis_functions, model.n_back_projections) == (1, 0)
    assert model.sigma_range_ is None
    assert model.blur_estimator_ is None
    assert model.combination_coefs_ is None
    for layer, coef in enumerate(model.coefs_):
        np.testing.assert_array_equal(coef, tensors[f"coefs.{layer}"])
    X = random_state.uniform(255, size=(1, 9, 9, 3))
    expected = ReferenceBackend().forward(
        Network(3, 3, (4, 3), (3, 1, 3), residual=False),
        np.concatenate(
            [
                tensors[name].ravel()
                for name in sorted(tensors, key=lambda name: (name[-1], name))
            ]
        ),
        X,
        data_range=255.0,
    )
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-4, atol=0.01)


def _drop(name):
    return lambda tensors, metadata: tensors.pop(name)


def _replace(name, values):
    return lambda tensors, metadata: tensors.update({name: values})


def _range(text):
    return lambda tensors, metadata: metadata.update(sigma_range=text)


DAMAGES = {
    "no range": (lambda t, m: m.pop("sigma_range"), r"sigma_range=None"),
    "reversed range": (_range("[2.0, 1.0]"), r"sigma_range=\[2\.0, 1\.0\]"),
    "long range": (_range("[1, 2, 3]"), "need two sigmas"),
    "endless range": (_range("[0.5, Infinity]"), r"sigma_range=\[0\.5, inf\]"),
    "text range": (_range('"0.5 1"'), "sigma_range='0.5 1'"),
    "range no json": (_range("["), "damaged pydbcnn model"),
    "no projection": (
        _drop("projections.0"),
        "1 kernels that blur again but 0 that project back",
    ),
    "no bias": (_drop("combination.bias"), "has 2 arrays: expected three"),
    "small kernel": (
        _replace("reblurs.0", np.zeros((2, 5, 5), np.float32)),
        r"has shape \(5, 5\): expected \(17, 17\)",
    ),
    "three sets": (
        _replace("reblurs.0", np.zeros((3, 17, 17), np.float32)),
        r"reblurs\.0 has shape \(3, 17, 17\): expected 3 axes, the first of 2 basis",
    ),
    "no axis": (
        _replace("intercepts.1", np.zeros(3, np.float32)),
        r"intercepts\.1 has shape \(3,\): expected 2 axes",
    ),
    "NaN in a later set": (
        _replace("intercepts.1", np.float32([[0, 0, 0], [0, np.nan, 0]])),
        r"intercepts\.1 holds float32 values that are not all finite",
    ),
    "integers": (
        _replace("combination.bias", np.zeros((2, 3), np.int32)),
        r"combination\.bias holds int32",
    ),
    "no statistics": (_drop("blur.mean"), "estimator of blur has no 'mean'"),
    "half a network": (_drop("blur.1.intercepts.0"), "estimator of blur has no"),
    "other statistics": (
        _replace("blur.scale", np.ones(3, np.float32)),
        r"scale of the estimator of blur has shape \(3,\): expected \(125,\)",
    ),
    "more of them": (
        _replace("blur.extra", np.ones(3, np.float32)),
        r"estimator of blur has unexpected arrays \['extra'\]",
    ),
    "anything else": (
        _replace("extra", np.ones(3, np.float32)),
        r"unexpected content \['extra'\]",
    ),
    "filter no boolean": (
        lambda t, m: m.update(params='{"inverse_filter": "no"}'),
        "inverse_filter='no' is neither true nor false",
    ),
    "nothing that depends": (
        lambda t, m: m.update(params='{"solver": "evil"}'),
        "'solver'",
    ),
    "newer": (lambda t, m: m.update(format_version="3"), "newer pydbcnn.*upgrade"),
    "no version": (lambda t, m: m.pop("format_version"), "newer pydbcnn"),
}


@pytest.fixture(scope="module")
def parts_of_a_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model.safetensors"
    model_of("all")[0].save(path)
    with safe_open(path, framework="np") as file:
        names = list(file.keys())
        return {name: file.get_tensor(name) for name in names}, file.metadata()


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_refused(parts_of_a_file, tmp_path, name):
    tensors, metadata = (dict(part) for part in parts_of_a_file)
    change, message = DAMAGES[name]
    change(tensors, metadata)
    path = tmp_path / "bad.safetensors"
    save_file(tensors, path, metadata)
    with pytest.raises(ValueError, match=message):
        DBCNNDeblurrer.load(path)


@pytest.mark.parametrize("form", FORMS)
def test_onnx_runtime_computes_every_form(form, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    model, X = model_of(form)
    random_state = np.random.RandomState(1)
    if model.n_back_projections:  # they start as zeros, and have hardly learned
        for _, projection in model.back_projection_coefs_:
            projection += 0.02 * random_state.normal(size=projection.shape)
    path = tmp_path / "model.onnx"
    images = np.tile(X, (1, 2, 2, 1)).astype(np.float32) / 255
    sigmas = (None,) if model.sigma_range_ is None else (0.3, 0.8, 1.1, 7.0)
    for sigma in sigmas:
        model.to_onnx(path, sigma=sigma, overwrite=True)
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (restored,) = session.run(None, {"blurred": images})
        expected = model.predict(images, sigma)
        np.testing.assert_allclose(restored, expected, atol=2e-5)


def test_onnx_models_are_for_one_blur(fitted, tmp_path):
    model, _ = model_of("filter")
    path = tmp_path / "model.onnx"
    with pytest.raises(ValueError, match=r"depends on the blur.*pass sigma"):
        model.to_onnx(path)
    with pytest.raises(ValueError, match="expected the standard deviation"):
        model.to_onnx(path, sigma=-1.0)
    with pytest.raises(ValueError, match=r"sigma of shape \(2, 2\).*pass a number"):
        model.to_onnx(path, sigma=np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"sigma=1\.0: .*same for every blur"):
        fitted.to_onnx(path, sigma=1.0)
    assert not path.exists()


def test_a_fit_that_failed_does_not_change_what_a_model_is(fitted, tmp_path):
    """Files hold models of images; what weights belong to is what counts."""
    images = deepcopy(fitted)
    with pytest.raises(ValueError):
        images.fit(np.zeros((4, 9)), np.zeros((4, 90)))
    images.save(tmp_path / "images.safetensors")
    rows = DBCNNDeblurrer(
        (2, 2), (3, 1, 3), max_iter=1, learning_rate="cosine", random_state=0
    ).fit(np.zeros((4, 9)), np.zeros((4, 9)))
    assert rows.takes_rows_
    with pytest.raises(ValueError):
        rows.fit(np.zeros((2, 9, 9)), np.zeros((3, 9, 9)))
    with pytest.raises(ValueError, match="fitted on rows of pixels"):
        rows.save(tmp_path / "rows.safetensors")
