"""DBCNNDeblurrer as users meet it: layouts, types, scores, composition, errors."""

import io
import pickle
import re

import joblib
import numpy as np
import pytest
from quick_learners import quick, weights_of
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from pydbcnn import DBCNNDeblurrer, DeviceUnavailableError, GaussianBlurTransformer
from pydbcnn.backends._cuda import device
from pydbcnn.backends.cpu import CpuBackend
from pydbcnn.metrics import peak_signal_noise_ratio, psnr_scorer

PRECISIONS_HERE = CpuBackend().precisions


def test_attributes_after_fit(sharp, blurred, fitted):
    assert [c.shape for c in fitted.coefs_] == [
        (5, 5, 3, 6),
        (1, 1, 6, 4),
        (3, 3, 4, 3),
    ]
    assert [b.shape for b in fitted.intercepts_] == [(6,), (4,), (3,)]
    assert all(c.dtype == np.float32 for c in fitted.coefs_)
    assert fitted.n_channels_in_ == fitted.n_channels_out_ == 3
    assert fitted.radius_ == 3
    assert fitted.n_iter_ == 3 == len(fitted.loss_curve_)
    assert fitted.best_loss_ == min(fitted.loss_curve_)
    # An epoch covers the pixels once: 6 x 40 x 48 pixels, 4 x 16 x 16 in a batch.
    assert fitted.t_ == 3 * 12 * 4
    assert fitted.validation_scores_ is None
    assert fitted.validation_loss_curve_ is None
    assert not hasattr(fitted, "n_features_in_")
    assert fitted.score(blurred, sharp) == pytest.approx(
        peak_signal_noise_ratio(sharp, fitted.predict(blurred))
    )


def test_layouts_of_images_agree(fitted, sharp, blurred):
    expected = fitted.predict(blurred)
    as_list = fitted.predict(list(blurred))
    assert isinstance(as_list, list)
    np.testing.assert_array_equal(np.stack(as_list), expected)
    mixed = fitted.predict([blurred[0], blurred[1, :20, :30]])
    assert mixed[1].shape == (20, 30, 3)
    np.testing.assert_array_equal(mixed[0], expected[0])


def test_greyscale_stacks_and_single_channels_agree(sharp, blurred):
    grey = [images[..., 1] for images in (blurred, sharp)]
    one = [images[..., np.newaxis] for images in grey]
    flat, deep = quick().fit(*grey), quick().fit(*one)
    assert weights_of(flat) == weights_of(deep)
    assert flat.predict(grey[0]).shape == grey[0].shape
    np.testing.assert_array_equal(flat.predict(grey[0]), deep.predict(one[0])[..., 0])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_types_come_back(sharp, blurred, fitted, dtype):
    factor = {"uint8": 1, "uint16": 257}.get(dtype, 1 / 255)
    images = (blurred * np.float64(factor)).astype(dtype)
    output = fitted.predict(images)
    assert output.dtype == dtype
    tolerance = 1.0 if dtype.startswith("u") else 1e-6
    reference = fitted.predict(blurred / 255.0) * 255 * factor
    if dtype.startswith("u"):
        reference = np.clip(np.rint(reference), 0, np.iinfo(dtype).max)
    np.testing.assert_allclose(output, reference, rtol=0, atol=tolerance)


def test_data_range_scales(sharp, blurred):
    """Floats from 0 to 255, with that range, give what bytes give before rounding."""
    bytes_fitted = quick().fit(blurred, sharp)
    floats = [images.astype(np.float32) for images in (blurred, sharp)]
    floats_fitted = quick(data_range=255.0).fit(*floats)
    assert weights_of(bytes_fitted) == weights_of(floats_fitted)
    as_bytes = np.clip(np.rint(floats_fitted.predict(floats[0])), 0, 255)
    np.testing.assert_array_equal(bytes_fitted.predict(blurred), as_bytes)
    assert floats_fitted.score(*floats) == pytest.approx(
        peak_signal_noise_ratio(sharp / 255.0, floats_fitted.predict(floats[0]) / 255.0)
    )


def test_precisions_agree(sharp, blurred):
    single, double = (
        quick(precision=precision, max_iter=1).fit(blurred, sharp)
        for precision in ("float32", "float64")
    )
    np.testing.assert_allclose(single.coefs_[0], double.coefs_[0], atol=1e-4)
    np.testing.assert_allclose(
        single.predict(blurred / 255.0), double.predict(blurred / 255.0), atol=1e-4
    )


def test_bfloat16_predicts_nearly_the_same_and_fits_exactly_the_same(sharp, blurred):
    if "bfloat16" not in PRECISIONS_HERE:
        with pytest.raises(ValueError, match="'bfloat16' needs"):
            quick(precision="bfloat16").fit(blurred, sharp)
        return
    single, half = (
        quick(precision=precision, max_iter=1).fit(blurred, sharp)
        for precision in ("float32", "bfloat16")
    )
    assert weights_of(single) == weights_of(half)
    assert half.coefs_[0].dtype == np.float32
    estimates = single.predict(blurred / 255.0), half.predict(blurred / 255.0)
    assert estimates[0].tobytes() != estimates[1].tobytes()
    assert peak_signal_noise_ratio(*estimates) > 50
    assert half.score(blurred, sharp) == pytest.approx(
        single.score(blurred, sharp), abs=0.01
    )


def test_bfloat16_is_refused_where_there_is_none(sharp, blurred, fitted, monkeypatch):
    monkeypatch.setenv("PYDBCNN_ISA", "baseline")
    deblurrer = clone(fitted).set_params(precision="bfloat16")
    with pytest.raises(ValueError, match=r"'bfloat16' needs .*'baseline' is in use"):
        deblurrer.fit(blurred, sharp)


def test_score_of_patches_compares_their_centre(sharp, blurred, fitted):
    centre = sharp[:, 3:-3, 3:-3]
    expected = peak_signal_noise_ratio(centre, fitted.predict(blurred)[:, 3:-3, 3:-3])
    assert fitted.score(blurred, centre) == pytest.approx(expected)


def test_score_is_finite_on_a_perfect_answer(sharp):
    zeros = [np.zeros((1, 1, 3, 4)), np.zeros((1, 1, 4, 2)), np.zeros((1, 1, 2, 3))]
    identity = DBCNNDeblurrer.from_weights(zeros, [np.zeros(z.shape[3]) for z in zeros])
    np.testing.assert_array_equal(identity.predict(sharp), sharp)
    assert identity.score(sharp, sharp) == 100.0


def test_channels_in_and_out_may_differ(sharp, blurred):
    packed = np.concatenate([blurred, blurred[..., :1]], axis=3)
    deblurrer = quick(residual=False).fit(packed, sharp)
    assert deblurrer.n_channels_in_ == 4
    assert deblurrer.predict(packed).shape == sharp.shape
    with pytest.raises(ValueError, match="pass residual=False"):
        quick().fit(packed, sharp)


def test_weights_keep_their_form(sharp, blurred):
    """The residual form belongs to the weights, whatever the parameter says later."""
    deblurrer = quick(warm_start=True).fit(blurred, sharp)
    expected = deblurrer.predict(blurred)
    deblurrer.set_params(residual=False)
    np.testing.assert_array_equal(deblurrer.predict(blurred), expected)
    with pytest.raises(ValueError, match="fitted weights belong to"):
        deblurrer.fit(blurred, sharp)


def test_sides_beyond_32_bits_are_refused():
    weights = [np.zeros((1, 1, 1, 1))] * 3
    deblurrer = DBCNNDeblurrer.from_weights(weights, [np.zeros(1)] * 3)
    endless = np.broadcast_to(np.uint8(7), (1, 1, 2**30 + 1))
    with pytest.raises(ValueError, match="cut it into parts"):
        deblurrer.predict(endless)


def test_score_wants_one_type(sharp, blurred, fitted):
    with pytest.raises(ValueError, match="y_true is uint8 but y_pred is float64"):
        fitted.score(blurred / 255.0, sharp)


def test_pipeline_blurs_then_deblurs(sharp):
    pipeline = make_pipeline(GaussianBlurTransformer(1.6), quick())
    pipeline.fit(sharp, sharp)
    assert pipeline.predict(sharp).shape == sharp.shape
    expected = quick().fit(GaussianBlurTransformer(1.6).transform(sharp), sharp)
    assert weights_of(pipeline[-1]) == weights_of(expected)


@pytest.mark.parametrize("as_list", [False, True])
def test_model_selection(sharp, blurred, as_list):
    X, y = (list(blurred), list(sharp)) if as_list else (blurred, sharp)
    scores = cross_val_score(quick(), X, y, cv=3)
    assert scores.shape == (3,)
    assert (scores > 10).all()
    search = GridSearchCV(
        quick(), {"learning_rate_init": [1e-3, 1e-2]}, scoring=psnr_scorer, cv=2
    ).fit(X, y)
    assert search.best_score_ == max(search.cv_results_["mean_test_score"])


def test_jobs_in_other_processes_compute_the_same(sharp, blurred):
    alone = cross_val_score(quick(), blurred, sharp, cv=2)
    apart = cross_val_score(quick(), blurred, sharp, cv=2, n_jobs=2)
    np.testing.assert_array_equal(alone, apart)


@pytest.mark.parametrize("dump", [pickle, joblib])
def test_pickle(fitted, blurred, dump):
    buffer = io.BytesIO()
    dump.dump(fitted, buffer)
    buffer.seek(0)
    again = dump.load(buffer)
    np.testing.assert_array_equal(again.predict(blurred), fitted.predict(blurred))
    assert weights_of(again) == weights_of(fitted)


def test_clone_is_unfitted(fitted):
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(np.zeros((1, 5, 5, 3)))
    assert not hasattr(copy, "radius_")


def test_verbose_shows_a_bar(sharp, blurred, capsys, monkeypatch):
    monkeypatch.setattr("tqdm.std.tqdm.__init__", _without_delay(), raising=True)
    quick(verbose=True, early_stopping=True).fit(blurred, sharp)
    shown = capsys.readouterr().err
    assert "epoch 2/2" in shown
    assert "loss=" in shown
    assert "validation=" in shown
    assert "patches" in shown
    quick().fit(blurred, sharp)
    assert capsys.readouterr().err == ""


def _without_delay():
    from tqdm.std import tqdm

    init = tqdm.__init__

    def patched(self, *args, **kwargs):
        init(self, *args, **kwargs | {"delay": 0, "mininterval": 0})

    return patched


# Rows of pixels, scikit-learn's own layout.


def test_rows_predict_the_central_part():
    X = np.random.RandomState(0).uniform(size=(30, 11))
    y = X[:, 3:8]
    deblurrer = quick().fit(X, y)
    assert deblurrer.n_features_in_ == 11
    assert deblurrer.predict(X).shape == (30, 5)
    assert deblurrer.fit(X, y[:, 2]).predict(X).shape == (30,)
    whole = quick().fit(X, X)
    images = X[:, np.newaxis, :]
    network_view = DBCNNDeblurrer.from_weights(whole.coefs_, whole.intercepts_)
    np.testing.assert_array_equal(whole.predict(X), network_view.predict(images)[:, 0])


def test_rows_keep_bytes():
    X = np.random.RandomState(0).randint(0, 256, size=(20, 9)).astype(np.uint8)
    assert quick().fit(X, X).predict(X).dtype == np.uint8


# Bad input: each error names what was found and what to do.


GOOD = np.full((2, 8, 8, 3), 0.5)

BAD_PARAMS = {
    "n_filters": ((64,), (64, 0), (5000, 2), (64, 32.5), (64, True), 64),
    "kernel_sizes": ((9, 5), (9, 2, 5), (9, 1, 17), (0, 1, 5), 9),
    "solver": ("lbfgs",),
    "learning_rate": ("adaptive",),
    "learning_rate_init": (0, -1.0),
    "alpha": (-1e-3,),
    "batch_size": (0, 2.5),
    "patch_size": (0,),
    "max_iter": (0,),
    "tol": (-1.0,),
    "validation_fraction": (0.0, 1.0),
    "data_range": (0, -255, "255"),
    "precision": ("float16",),
    "device": (0,),
    "residual": ("yes",),
}


@pytest.mark.parametrize("name", BAD_PARAMS)
def test_bad_parameters_are_named(name):
    for value in BAD_PARAMS[name]:
        with pytest.raises(ValueError, match=rf"{name}'?.*{re.escape(repr(value))}"):
            quick(**{name: value}).fit(GOOD, GOOD)


def test_device_that_is_not_there(monkeypatch):
    monkeypatch.setattr(device, "driver_version", lambda: 0)
    with pytest.raises(DeviceUnavailableError, match=r"device='cuda' cannot be used"):
        quick(device="cuda").fit(GOOD, GOOD)


def test_bad_shapes_of_weights():
    coefs = [np.zeros((3, 3, 1, 4)), np.zeros((1, 1, 4, 2)), np.zeros((3, 3, 2, 1))]
    intercepts = [np.zeros(4), np.zeros(2), np.zeros(1)]
    cases = [
        (coefs[:2], intercepts[:2], "3 layers, got 2 and 2"),
        ([coefs[0][:2], *coefs[1:]], intercepts, r"layer 1 have shape \(2, 3, 1, 4\)"),
        ([coefs[0], coefs[1][:, :, :3], coefs[2]], intercepts, "inputs of the next"),
        (coefs, [np.zeros(3), *intercepts[1:]], "biases of layer 1"),
        ([coefs[0] * np.nan, *coefs[1:]], intercepts, r"coefs\.0 holds float64 values"),
    ]
    for bad_coefs, bad_intercepts, message in cases:
        with pytest.raises(ValueError, match=message):
            DBCNNDeblurrer.from_weights(bad_coefs, bad_intercepts)
