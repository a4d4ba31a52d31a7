"""Arrays on a GPU through the library: they stay there, and results are the CPU's."""

import pickle
import sys
from copy import deepcopy
from types import SimpleNamespace

import numpy as np
import pytest
from device_backend import assert_on_device, on_device

import pydbcnn
from pydbcnn import (
    BlurEstimator,
    DBCNNDeblurrer,
    GaussianBlurTransformer,
    PolyblurDeblurrer,
    estimate_blur,
)
from pydbcnn._blur_estimation import estimator as estimator_module
from pydbcnn._estimators.deblurrer import fit_deblurrer
from pydbcnn._training.checkpoint import Checkpoint
from pydbcnn._training.loop import DivergenceError, Training
from pydbcnn._training.sampling import RandomPatches
from pydbcnn.backends import DeviceUnavailableError
from pydbcnn.metrics import peak_signal_noise_ratio, structural_similarity

SMALL = dict(
    n_filters=(4, 3),
    kernel_sizes=(3, 1, 3),
    patch_size=12,
    batch_size=4,
    learning_rate="cosine",
    max_iter=2,
    random_state=0,
)
BLUR_AWARE = dict(n_basis_functions=2, inverse_filter=True)
ONE_MEMBER = BlurEstimator(n_members=1, n_crops=1, max_iter=2)


@pytest.fixture(scope="module")
def blur_aware(pairs):
    return DBCNNDeblurrer(**SMALL, **BLUR_AWARE, blur_estimator=ONE_MEMBER).fit(*pairs)


def assert_same_model(one, other):
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(one, name), getattr(other, name), strict=True):
            assert type(a) is np.ndarray
            np.testing.assert_array_equal(a, b)
    assert one.loss_curve_ == other.loss_curve_
    assert one.validation_scores_ == other.validation_scores_


LAYOUTS = {
    "colour": lambda X: X,
    "grey": lambda X: X[..., 0],
    "list": list,
    "list of two sizes": lambda X: [X[0], X[1, :20]],
    "uint8": lambda X: (X * 255).astype(np.uint8),
    "uint16": lambda X: (X * 65535).astype(np.uint16),
    "float64": lambda X: X.astype(float),
    "a part": lambda X: X[:, ::2, 3:],
}


@pytest.mark.parametrize("device", ["cuda", "auto"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_predict_stays_on_the_device(xp, pairs, name, device):
    X, y = (LAYOUTS[name](side) for side in pairs)
    model = DBCNNDeblurrer(**SMALL, device="cpu").fit(X, y)
    expected = model.predict(X)
    model.set_params(device=device)
    assert_on_device(xp, model.predict(on_device(xp, X)), expected)
    assert xp.fetched == []
    of_host = model.predict(X)
    assert type(of_host) is type(expected)
    np.testing.assert_array_equal(of_host[0], expected[0])


SIGMAS = {
    "one": dict(sigma=1.2),
    "sharp": dict(sigma=0.0),
    "each": dict(sigma=[0.1, 0.5, 1.0, 1.2, 1.5, 2.0]),
    "tiles": dict(sigma=[np.array([[0.1, 1.0], [2.0, 0.7]])] * 6),
}


@pytest.mark.parametrize("name", SIGMAS)
def test_known_blurs_on_the_device(xp, pairs, blur_aware, name):
    X = (pairs[0] * 255).astype(np.uint8)
    expected = blur_aware.predict(X, **SIGMAS[name])
    model = deepcopy(blur_aware).set_params(device="cuda")
    assert_on_device(xp, model.predict(on_device(xp, X), **SIGMAS[name]), expected)
    assert xp.fetched == []


def test_blurs_that_lie_on_the_device_are_refused(xp, pairs, blur_aware):
    for sigma in (xp.asarray(np.ones(6)), [xp.asarray(np.ones((2, 2)))] * 6):
        with pytest.raises(TypeError, match=r"sigma lies on a GPU.*pass sigma\.get"):
            blur_aware.predict(pairs[0], sigma)


@pytest.mark.parametrize("tile_size", [None, 40])
def test_estimated_blurs_on_the_device(xp, tile_size):
    """No more of the image is copied to the host than the estimate looks at."""
    model = DBCNNDeblurrer.from_pretrained("mild-fast")
    X = np.random.RandomState(0).randint(256, size=(1, 72, 80, 1)).astype(np.uint8)
    X = GaussianBlurTransformer((0.8, 2.0), random_state=0).transform(X)
    expected = model.set_params(device="cpu").predict(X, tile_size=tile_size)
    sigma = model.estimate_blur(X, tile_size=tile_size)
    assert (expected != X).any()
    model.set_params(device="cuda")
    there = on_device(xp, X)
    assert_on_device(xp, model.predict(there, tile_size=tile_size), expected)
    assert set(xp.fetched) == {(72, 80, 1) if tile_size is None else (36, 40, 1)}
    estimate = model.estimate_blur(there, tile_size=tile_size)
    assert isinstance(estimate, type(sigma))
    np.testing.assert_array_equal(estimate, sigma)


def test_named_blurs_are_those_of_the_host(xp):
    X = np.random.RandomState(0).randint(256, size=(2, 72, 80, 1)).astype(np.uint8)
    X = GaussianBlurTransformer((0.8, 2.0), random_state=0).transform(X)
    there = on_device(xp, X)
    assert estimate_blur(there) == estimate_blur(X)
    expected = estimate_blur(X, tile_size=40)
    for found, blurs in zip(estimate_blur(there, tile_size=40), expected, strict=True):
        np.testing.assert_array_equal(found, blurs)


def test_of_a_large_image_parts_are_copied(xp):
    image = np.random.RandomState(0).uniform(size=(1, 1100, 1000, 1))
    expected = estimate_blur(image)
    assert estimate_blur(on_device(xp, image)) == expected
    assert xp.fetched == [(192, 192, 1)] * 16


def test_estimators_of_blur_learn_from_the_device(xp, pairs):
    X, sigmas = pairs[0], np.linspace(0.5, 1.5, 6)
    estimators = [
        BlurEstimator(n_members=1, max_iter=2, random_state=0).fit(side, sigmas)
        for side in (X, on_device(xp, X))
    ]
    np.testing.assert_array_equal(*(each.predict(X) for each in estimators))


def test_estimators_of_blur_fetch_a_few_parts_at_a_time(xp, pairs, monkeypatch):
    looked_at = []

    def count(regions):
        looked_at.append(len(xp.fetched))
        return np.zeros(5)

    monkeypatch.setattr(estimator_module, "thread_count", lambda: 1)
    monkeypatch.setattr(estimator_module, "statistics_of", count)
    deepcopy(ONE_MEMBER).fit(on_device(xp, pairs[0]), np.ones(6))
    assert looked_at == [4] * 4 + [8] * 4 + [12] * 4


FITS = {
    "squared error": dict(),
    "sgd": dict(solver="sgd", alpha=0.1),
    "in order": dict(shuffle=False),
    "early stopping": dict(early_stopping=True, validation_fraction=0.4, tol=0.0),
    "blur-aware": BLUR_AWARE
    | dict(
        blur_estimator=ONE_MEMBER,
        loss="log_squared_error",
        n_back_projections=1,
        combine=True,
        alpha=0.1,
        sigma_noise=0.05,
    ),
}


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("as_list", [False, True])
def test_fit_on_the_device_is_fit_on_the_cpu(xp, pairs, name, as_list):
    model, other = (DBCNNDeblurrer(**SMALL | FITS[name]) for _ in range(2))
    X, y = map(list, pairs) if as_list else pairs
    model.set_params(device="cuda").fit(on_device(xp, X), on_device(xp, y))
    other.set_params(device="cpu").fit(X, y)
    assert_same_model(model, other)
    n_params = len(model._params())
    vectors = [(n_params,)] * (2 if model.early_stopping else 1)
    # Whole images only where their blur is told, from the pair and for the estimator.
    images = [shape for shape in xp.fetched if len(shape) == 3]
    assert [shape for shape in xp.fetched if len(shape) == 1] == vectors
    assert bool(images) == (name == "blur-aware")


SAMPLERS = {
    "squares": dict(patch_size=7),
    "larger than some images": dict(patch_size=25),
    "not square": dict(patch_size=40),
    "in order": dict(patch_size=7, shuffle=False),
    "of few blurs": dict(patch_size=7, sigmas=np.linspace(1, 2, 4), sigma_noise=0.1),
}


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("name", SAMPLERS)
def test_patches_cut_at_once_are_those_cut_one_by_one(xp, name, dtype):
    """The images have many sizes; patches are mirrored, flipped and turned."""
    random_state = np.random.RandomState(0)
    images = [
        random_state.randint(256, size=(*size, 2)).astype(dtype)
        for size in ((30, 9), (5, 34), (1, 20), (26, 27))
    ]
    how = dict(scale=255, radius=4, batch_size=3, shuffle=True) | SAMPLERS[name]
    there = on_device(xp, images)
    one = RandomPatches(images, images, **how)
    other = RandomPatches(there, there, **how)
    n_batches = 0
    for mine, theirs in zip(
        *(sampler.batches(np.random.RandomState(1)) for sampler in (one, other)),
        strict=True,
    ):
        for group, same in zip(mine, theirs, strict=True):
            assert group.sigma == same.sigma
            assert_on_device(xp, same.patches, group.patches)
            assert_on_device(xp, same.targets, group.targets)
        n_batches += 1
    assert n_batches == one.n_batches
    assert xp.fetched == []


def test_images_of_the_host_may_be_fitted_on_the_device(xp, pairs):
    model, other = (
        DBCNNDeblurrer(**SMALL, device=device).fit(*pairs) for device in ("cuda", "cpu")
    )
    assert_same_model(model, other)
    assert type(model.predict(pairs[0])) is np.ndarray


def test_patches_with_context_on_the_device(xp, pairs):
    X, y = pairs[0], pairs[1][:, 2:-2, 2:-2]
    model, other = (
        DBCNNDeblurrer(**SMALL, device=device) for device in ("cuda", "cpu")
    )
    model.fit(on_device(xp, X), on_device(xp, y))
    other.fit(X, y)
    assert_same_model(model, other)
    scores = model.score(on_device(xp, X), on_device(xp, y)), other.score(X, y)
    assert scores[0] == scores[1]


def test_rows_of_the_host_are_fitted_on_the_device(xp):
    X, y = np.random.RandomState(0).uniform(size=(2, 9, 20)).astype(np.float32)
    model, other = (
        DBCNNDeblurrer(**SMALL, device=device).fit(X, y[:, 6:14])
        for device in ("cuda", "cpu")
    )
    assert_same_model(model, other)
    np.testing.assert_array_equal(model.predict(X), other.predict(X))


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_models_go_on_without_a_gpu(xp, pairs, solver, monkeypatch, tmp_path):
    """They are pickled after a fit on the device, and learn on where there is none."""
    there = [on_device(xp, side) for side in pairs]
    model = DBCNNDeblurrer(**SMALL, solver=solver, device="auto")
    content = pickle.dumps(model.fit(*there).partial_fit(*there))
    model.save(tmp_path / "model.safetensors")
    monkeypatch.delitem(sys.modules, "cupy")
    monkeypatch.setattr(pydbcnn.backends, "_cuda_backend", _no_gpu)
    other = DBCNNDeblurrer(**SMALL, solver=solver, device="auto")
    other.fit(*pairs).partial_fit(*pairs)
    model = pickle.loads(content)
    assert_same_model(model, other)
    loaded = DBCNNDeblurrer.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict(pairs[0]), other.predict(pairs[0]))
    assert_same_model(model.partial_fit(*pairs), other.partial_fit(*pairs))


def _no_gpu(precision):
    raise DeviceUnavailableError("it was unplugged")


def test_what_fails_on_the_device_leaves_nothing_there(xp, pairs):
    there = [on_device(xp, side) for side in pairs]
    model = DBCNNDeblurrer(**SMALL, device="cuda").fit(*there)
    before = model.predict(pairs[0])
    model.set_params(learning_rate_init=1e30, solver="sgd")
    with pytest.raises(DivergenceError):
        model.partial_fit(*there)
    model = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(model.predict(pairs[0]), before)


def test_a_run_interrupted_on_the_device_goes_on_on_the_cpu(
    xp, pairs, tmp_path, monkeypatch
):
    params = SMALL | dict(early_stopping=True, validation_fraction=0.4)
    epoch = Training.epoch

    def interrupted(self, *args):
        if self.n_iter == 1:
            raise KeyboardInterrupt
        return epoch(self, *args)

    checkpoint = Checkpoint(tmp_path / "run.safetensors", {})
    monkeypatch.setattr(Training, "epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit_deblurrer(
            DBCNNDeblurrer(**params, device="cuda"), *pairs, checkpoint=checkpoint
        )
    monkeypatch.undo()
    model = fit_deblurrer(
        DBCNNDeblurrer(**params, device="cpu"), *pairs, checkpoint=checkpoint
    )
    assert_same_model(model, DBCNNDeblurrer(**params, device="cpu").fit(*pairs))


BLURS = {
    "plain": dict(),
    "drawn, with noise": dict(sigma=(0.0, 2.0), noise_std=(0.0, 0.1), random_state=0),
    "none": dict(sigma=0.0),
    "narrow": dict(kernel_size=3, border_mode="constant"),
}


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("name", BLURS)
def test_blur_on_the_device(xp, pairs, name, dtype):
    X = (pairs[1] * (255 if dtype == np.uint8 else 1)).astype(dtype)
    for layout in (X, X[..., 0], list(X)):
        expected = GaussianBlurTransformer(**BLURS[name]).fit_transform(layout)
        blur = GaussianBlurTransformer(**BLURS[name], device="cuda")
        assert_on_device(xp, blur.fit_transform(on_device(xp, layout)), expected)
        assert xp.fetched == []
        of_host = blur.transform(layout)
        np.testing.assert_array_equal(np.stack(of_host), np.stack(expected))
    rows = X[:, 0, :, 0].astype(dtype)
    np.testing.assert_array_equal(
        blur.transform(rows), GaussianBlurTransformer(**BLURS[name]).transform(rows)
    )


def test_transformers_do_not_change_what_they_get(xp, pairs):
    X = on_device(xp, pairs[0])
    blurred = GaussianBlurTransformer(0.0, device="cuda").transform(X)
    blurred[...] = 0
    np.testing.assert_array_equal(X.get(), pairs[0])


def test_psnr_on_the_device(xp, pairs):
    there = [on_device(xp, side) for side in pairs]
    assert peak_signal_noise_ratio(*there) == peak_signal_noise_ratio(*pairs)
    assert xp.fetched == []


REFUSED = {
    "predict": lambda fitted, X: fitted.predict(X),
    "fit": lambda fitted, X: DBCNNDeblurrer(**SMALL, device="cpu").fit(X, X),
    "double": lambda fitted, X: DBCNNDeblurrer(precision="float64").fit(X, X),
    "polyblur": lambda fitted, X: PolyblurDeblurrer().predict(X),
    "ssim": lambda fitted, X: structural_similarity(X, X),
    **{
        name: lambda fitted, X, name=name: getattr(pydbcnn, name)().transform(X)
        for name in pydbcnn.__all__
        if name.endswith("Transformer")
    },
}


@pytest.mark.parametrize("as_list", [False, True])
@pytest.mark.parametrize("name", REFUSED)
def test_arrays_are_not_moved_silently(xp, pairs, name, as_list):
    model = DBCNNDeblurrer(**SMALL, device="cpu").fit(*pairs)
    X = on_device(xp, list(pairs[0]) if as_list else pairs[0])
    with pytest.raises(TypeError, match=r"CPU, but \w+ lies on a GPU .*\.get\(\)"):
        REFUSED[name](model, X)
    assert xp.fetched == []


def test_why_auto_refuses_arrays(xp, pairs, monkeypatch):
    monkeypatch.setattr(pydbcnn.backends, "_cuda_backend", _no_gpu)
    X = on_device(xp, pairs[0])
    for use in (
        DBCNNDeblurrer(**SMALL).fit(*pairs).predict,
        GaussianBlurTransformer(device="auto").transform,
    ):
        with pytest.raises(TypeError, match=r"device='auto' here computes on the CPU"):
            use(X)
    blur = GaussianBlurTransformer(device="auto")
    np.testing.assert_array_equal(
        blur.transform(pairs[0]), GaussianBlurTransformer().transform(pairs[0])
    )


def test_both_sides_lie_in_one_place(xp, pairs):
    X, y = pairs
    there = on_device(xp, y)
    model = DBCNNDeblurrer(**SMALL, device="cuda")
    for call in (
        lambda: model.fit(X, there),
        lambda: peak_signal_noise_ratio(X, there),
        lambda: peak_signal_noise_ratio(there, X),
        lambda: model.fit(X, y).score(X, there),
        lambda: model.fit([there[0], y[1]], [y[0], y[1]]),
    ):
        with pytest.raises(TypeError, match=r"lies on a GPU but .* does not: .*\.get"):
            call()


WRONG = {
    "rows": (np.zeros((4, 9)), ValueError, r"rows of numbers.*Rows are taken .*\.get"),
    "NaN": (np.full((1, 8, 8), np.nan), ValueError, "X contains NaN or infinity"),
    "low": (np.full((1, 8, 8), -1e39), ValueError, "values above 3.4e"),
    "complex": (np.zeros((1, 8, 8), complex), ValueError, "Complex data not"),
    "type": (np.zeros((1, 8, 8), np.float16), TypeError, "pixels of type float16"),
    "empty": (np.zeros((0, 8, 8)), ValueError, "X is empty"),
    "channels": (np.zeros((1, 8, 8, 2)), ValueError, "this model works on"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_images_on_the_device(xp, pairs, name):
    X, error, message = WRONG[name]
    model = DBCNNDeblurrer(**SMALL, device="cuda").fit(*pairs)
    with pytest.raises(error, match=message):
        model.predict(on_device(xp, X))
    if name == "rows":
        with pytest.raises(error, match=message):
            GaussianBlurTransformer(device="cuda").transform(on_device(xp, X))


def test_arrays_on_another_gpu_than_the_current_one(xp, pairs, blur_aware):
    X = on_device(xp, pairs[0])
    xp.cuda = SimpleNamespace(Device=lambda: "<CUDA Device 1>")
    for images in (X, [X[0], X[1]]):
        with pytest.raises(
            ValueError,
            match=r"on cpu, but .* is <CUDA Device 1>: .*'with X.*\.device:'",
        ):
            blur_aware.predict(images)
