"""DBCNNDeblurrer as users meet it: layouts, learning, composition, errors."""

import io
import pickle
import re
import warnings

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from pydbcnn import DBCNNDeblurrer, DeviceUnavailableError, GaussianBlurTransformer
from pydbcnn._network.network import Network
from pydbcnn._training.loop import Training
from pydbcnn.backends._cuda import device
from pydbcnn.backends.cpu import CpuBackend
from pydbcnn.backends.reference import ReferenceBackend
from pydbcnn.metrics import peak_signal_noise_ratio, psnr_scorer

PRECISIONS_HERE = CpuBackend().precisions


def weights_of(deblurrer):
    return b"".join(a.tobytes() for a in deblurrer.coefs_ + deblurrer.intercepts_)


def quick(**params):
    defaults = dict(
        n_filters=(6, 4),
        kernel_sizes=(5, 1, 3),
        patch_size=16,
        batch_size=4,
        learning_rate="cosine",
        max_iter=2,
        random_state=0,
    )
    return DBCNNDeblurrer(**defaults | params)


def test_training_brings_images_closer_to_the_truth(sharp, blurred):
    deblurrer = DBCNNDeblurrer(
        n_filters=(16, 8),
        kernel_sizes=(7, 1, 3),
        patch_size=24,
        batch_size=4,
        learning_rate="cosine",
        learning_rate_init=0.003,
        max_iter=100,
        random_state=0,
    ).fit(blurred, sharp)
    before = peak_signal_noise_ratio(sharp, blurred)
    assert deblurrer.score(blurred, sharp) > before + 1.0
    assert deblurrer.loss_curve_[-1] < 0.8 * deblurrer.loss_curve_[0]


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
    """Floats from 0 to 255 with that range are the same as bytes, unrounded."""
    bytes_fitted = quick().fit(blurred, sharp)
    floats = [images.astype(np.float32) for images in (blurred, sharp)]
    floats_fitted = quick(data_range=255.0).fit(*floats)
    assert weights_of(bytes_fitted) == weights_of(floats_fitted)
    as_bytes = np.clip(np.rint(floats_fitted.predict(floats[0])), 0, 255)
    np.testing.assert_array_equal(bytes_fitted.predict(blurred), as_bytes)
    assert floats_fitted.score(*floats) == pytest.approx(
        peak_signal_noise_ratio(sharp / 255.0, floats_fitted.predict(floats[0]) / 255.0)
    )


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_same_seed_same_weights(sharp, blurred, solver, precision):
    params = dict(solver=solver, precision=precision, max_iter=1)
    first, second = (quick(**params).fit(blurred[:2], sharp[:2]) for _ in range(2))
    assert weights_of(first) == weights_of(second)
    assert first.coefs_[0].dtype == precision
    other = quick(**params | {"random_state": 1})
    assert weights_of(other.fit(blurred[:2], sharp[:2])) != weights_of(first)


def test_threads_do_not_change_the_fit(sharp, blurred, monkeypatch):
    fits = []
    for n_threads in (1, 2, 3):
        monkeypatch.setattr("pydbcnn.backends.cpu.thread_count", lambda n=n_threads: n)
        fits.append(weights_of(quick().fit(blurred, sharp)))
    assert fits[0] == fits[1] == fits[2]


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


def test_patches_with_context_are_used_as_they_are(sharp, blurred):
    """One full-batch step on such patches is one step on their gradient."""
    margin = 3
    centre = sharp[:, margin:-margin, margin:-margin]
    deblurrer = quick(solver="sgd", learning_rate_init=0.1, batch_size=100)
    deblurrer.partial_fit(blurred, centre)
    assert deblurrer.t_ == 6
    network = Network(3, 3, (6, 4), (5, 1, 3))
    params = network.initial_params(np.random.RandomState(0))
    _, gradient = ReferenceBackend().loss_and_gradient(
        network, params, blurred / 255.0, centre / 255.0
    )
    expected = params - 0.1 * 1.9 * gradient  # Nesterov: (1 + momentum) at the start
    weights, _ = network.views(expected)
    for coef, weight in zip(deblurrer.coefs_, weights, strict=True):
        np.testing.assert_allclose(coef, weight, atol=1e-6)


def test_score_of_patches_compares_their_centre(sharp, blurred, fitted):
    centre = sharp[:, 3:-3, 3:-3]
    expected = peak_signal_noise_ratio(centre, fitted.predict(blurred)[:, 3:-3, 3:-3])
    assert fitted.score(blurred, centre) == pytest.approx(expected)


def test_score_is_finite_on_a_perfect_answer(sharp):
    zeros = [np.zeros((1, 1, 3, 4)), np.zeros((1, 1, 4, 2)), np.zeros((1, 1, 2, 3))]
    identity = DBCNNDeblurrer.from_weights(zeros, [np.zeros(z.shape[3]) for z in zeros])
    np.testing.assert_array_equal(identity.predict(sharp), sharp)
    assert identity.score(sharp, sharp) == 100.0


def test_partial_fit_goes_on(sharp, blurred):
    deblurrer = quick()
    for calls in (1, 2, 3):
        deblurrer.partial_fit(blurred, sharp)
        assert deblurrer.n_iter_ == 1
        assert len(deblurrer.loss_curve_) == calls
    assert deblurrer.t_ == 3 * 48
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping"):
        quick(early_stopping=True).partial_fit(blurred, sharp)


def test_warm_start_goes_on_and_cold_start_does_not(sharp, blurred):
    cold = quick().fit(blurred, sharp)
    again = weights_of(cold)
    assert weights_of(cold.fit(blurred, sharp)) == again
    warm = quick(warm_start=True).fit(blurred, sharp)
    assert weights_of(warm) == again
    warm.fit(blurred, sharp)
    assert weights_of(warm) != again
    assert warm.n_iter_ == 2
    assert len(warm.loss_curve_) == 4


def test_warm_start_keeps_its_architecture(sharp, blurred):
    deblurrer = quick(warm_start=True).fit(blurred, sharp)
    deblurrer.set_params(n_filters=(3, 4))
    with pytest.raises(
        ValueError, match=r"fitted weights belong to .*warm_start=False"
    ):
        deblurrer.fit(blurred, sharp)


def test_early_stopping_keeps_the_best_weights(sharp, blurred):
    deblurrer = quick(early_stopping=True, validation_fraction=0.34, max_iter=6)
    deblurrer.fit(blurred, sharp)
    scores = deblurrer.validation_scores_
    assert len(scores) == deblurrer.n_iter_ == len(deblurrer.validation_loss_curve_)
    assert deblurrer.best_validation_score_ == max(scores)
    assert deblurrer.best_loss_ is None
    # The images held out are the ones that the generator permutes to the front.
    random_state = np.random.RandomState(0)
    Network(3, 3, (6, 4), (5, 1, 3)).initial_params(random_state)
    held_out = np.sort(random_state.permutation(6)[:2])
    assert deblurrer.score(blurred[held_out], sharp[held_out]) == pytest.approx(
        max(scores), abs=1e-6
    )
    loss = (
        np.mean(
            (deblurrer.predict(blurred[held_out]) / 255.0 - sharp[held_out] / 255.0)
            ** 2
        )
        / 2
    )
    best = int(np.argmax(scores))
    assert deblurrer.validation_loss_curve_[best] == pytest.approx(loss, rel=1e-3)


def test_early_stopping_stops(sharp, blurred):
    deblurrer = quick(
        early_stopping=True, max_iter=50, tol=100.0, n_iter_no_change=2
    ).fit(blurred, sharp)
    # The first epoch improves on nothing; then more than two bring too little.
    assert deblurrer.n_iter_ == 4


def test_stops_when_the_loss_stays(sharp, blurred):
    params = dict(max_iter=8, tol=1.0, n_iter_no_change=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stopped = quick(learning_rate="constant", **params).fit(blurred, sharp)
    assert stopped.n_iter_ == 5
    # A cosine schedule is followed to its end.
    assert quick(**params).fit(blurred, sharp).n_iter_ == 8


def test_early_stopping_needs_two_images(sharp, blurred):
    with pytest.raises(
        ValueError, match=r"holds out 1 of 1 image.*early_stopping=False"
    ):
        quick(early_stopping=True).fit(blurred[:1], sharp[:1])


def test_warns_when_epochs_run_out(sharp, blurred):
    with pytest.warns(ConvergenceWarning, match=r"max_iter=2 .*learning_rate='cosine'"):
        quick(learning_rate="constant").fit(blurred, sharp)


def test_interrupt_keeps_the_weights(sharp, blurred, monkeypatch):
    epoch = Training.epoch

    def interrupted(self, *args):
        if self.n_iter == 2:
            raise KeyboardInterrupt
        return epoch(self, *args)

    expected = quick(learning_rate="constant", max_iter=2)
    with pytest.warns(ConvergenceWarning):
        expected.fit(blurred, sharp)
    monkeypatch.setattr(Training, "epoch", interrupted)
    deblurrer = quick(learning_rate="constant", max_iter=10)
    with pytest.warns(UserWarning, match="interrupted by user"):
        deblurrer.fit(blurred, sharp)
    assert deblurrer.n_iter_ == 2
    assert weights_of(deblurrer) == weights_of(expected)
    assert deblurrer.predict(blurred).shape == blurred.shape


def test_divergence_is_an_error_with_advice(sharp, blurred):
    with (
        np.errstate(all="ignore"),
        pytest.raises(
            ValueError, match=r"diverged in epoch .*Lower learning_rate_init"
        ),
    ):
        quick(solver="sgd", learning_rate_init=1e12, max_iter=5).fit(blurred, sharp)


def test_alpha_shrinks_weights(sharp, blurred):
    free, bound = (
        quick(alpha=alpha, max_iter=4).fit(blurred, sharp) for alpha in (0.0, 10.0)
    )
    assert np.linalg.norm(bound.coefs_[0]) < 0.95 * np.linalg.norm(free.coefs_[0])


def test_without_shuffle_nothing_is_random_but_the_first_weights(sharp, blurred):
    deblurrer = quick(shuffle=False, batch_size=5, max_iter=1).fit(blurred, sharp)
    # A 40 x 48 image takes 3 x 3 patches of 16 x 16, the last row of them overlapping.
    assert deblurrer.t_ == 6 * 9


def test_small_and_large_images_train_together(sharp, blurred):
    X = [blurred[0], blurred[1, :5, :7], blurred[2, :1, :1], blurred[3, :, :3]]
    y = [sharp[0], sharp[1, :5, :7], sharp[2, :1, :1], sharp[3, :, :3]]
    deblurrer = quick(patch_size=100).fit(X, y)
    assert [image.shape for image in deblurrer.predict(X)] == [x.shape for x in X]


def test_channels_in_and_out_may_differ(sharp, blurred):
    packed = np.concatenate([blurred, blurred[..., :1]], axis=3)
    deblurrer = quick(residual=False).fit(packed, sharp)
    assert deblurrer.n_channels_in_ == 4
    assert deblurrer.predict(packed).shape == sharp.shape
    with pytest.raises(ValueError, match="pass residual=False"):
        quick().fit(packed, sharp)


def test_read_only_memmapped_and_fortran_arrays(sharp, blurred, tmp_path):
    expected = quick().fit(blurred, sharp)
    for name, images in (("X", blurred), ("y", sharp)):
        np.save(tmp_path / f"{name}.npy", images)
    mapped = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "Xy"]
    fortran = [np.asfortranarray(images) for images in (blurred, sharp)]
    for X, y in (mapped, fortran):
        deblurrer = quick().fit(X, y)
        assert weights_of(deblurrer) == weights_of(expected)
        np.testing.assert_array_equal(deblurrer.predict(X), expected.predict(blurred))


def test_foreign_byte_orders_and_unaligned_fields(sharp, blurred, fitted):
    floats = blurred / 255.0
    expected = fitted.predict(floats)
    np.testing.assert_array_equal(fitted.predict(floats.astype(">f8")), expected)
    record = np.zeros(floats.shape, dtype=[("mark", "u1"), ("value", "f8")])
    record["value"] = floats
    np.testing.assert_array_equal(fitted.predict(record["value"]), expected)
    np.testing.assert_array_equal(
        fitted.predict([image.astype(">f8") for image in floats])[1], expected[1]
    )
    deep = blurred.astype(">u2") * 257
    np.testing.assert_array_equal(
        GaussianBlurTransformer().transform(deep),
        GaussianBlurTransformer().transform(deep.astype("u2")),
    )


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


def test_partial_fit_takes_up_another_solver(sharp, blurred):
    deblurrer = quick().partial_fit(blurred, sharp)
    deblurrer.set_params(solver="sgd").partial_fit(blurred, sharp)
    assert type(deblurrer._training.optimizer).__name__ == "SGD"


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


def test_pickled_training_goes_on_like_the_original(sharp, blurred):
    first = quick().partial_fit(blurred, sharp)
    second = pickle.loads(pickle.dumps(first))
    assert weights_of(first.partial_fit(blurred, sharp)) == weights_of(
        second.partial_fit(blurred, sharp)
    )


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
SHARP_ROWS = np.zeros((4, 9))

BAD_PAIRS = {
    "five dimensions": (GOOD[None], GOOD, ValueError, r"X has 5 dimensions.*shape \(1"),
    "no images": (GOOD[:0], GOOD[:0], ValueError, r"X is empty, shape \(0, 8, 8, 3\)"),
    "no pixels": (GOOD[:, :0], GOOD[:, :0], ValueError, "X is empty"),
    "NaN in X": (
        GOOD * np.nan,
        GOOD,
        ValueError,
        "X contains NaN or infinity.*nan_to_num",
    ),
    "huge": (
        GOOD + 1e39,
        GOOD,
        ValueError,
        "X contains NaN or infinity, or values abo",
    ),
    "infinity in y": (GOOD, GOOD + np.inf, ValueError, "y contains NaN or infinity"),
    "complex": (GOOD * 1j, GOOD, ValueError, "Complex data not supported"),
    "strings": (
        GOOD.astype(str),
        GOOD,
        TypeError,
        r"pixels of type <U\d+, expected one",
    ),
    "integers without range": (
        GOOD.astype(int),
        GOOD,
        TypeError,
        r"int64.*images\.astype\(np\.uint8\)",
    ),
    "counts": (GOOD, GOOD[:1], ValueError, r"X holds 2 image\(s\) but y holds 1"),
    "sizes": (GOOD, GOOD[:, :7], ValueError, "neither as images of the same size nor"),
    "types": (GOOD, np.uint8(GOOD), ValueError, "X is float64 but y is uint8"),
    "no y": (GOOD, None, ValueError, "requires y to be passed"),
    "many channels": (
        np.zeros((1, 4, 4, 17)),
        np.zeros((1, 4, 4, 17)),
        ValueError,
        r"17 channels \(its last axis\), more than 16",
    ),
    "list of sizes": (
        [GOOD[0], GOOD[0]],
        [GOOD[0], GOOD[0, :5]],
        ValueError,
        r"X\[1\] is 8 x 8 pixels but y\[1\] is 5 x 8",
    ),
    "list of channels": (
        [GOOD[0], GOOD[0, ..., 0]],
        list(GOOD),
        ValueError,
        r"X\[1\] has shape \(8, 8\) but X\[0\] has \(8, 8, 3\)",
    ),
    "list of types": (
        [GOOD[0], np.uint8(GOOD[0])],
        list(GOOD),
        ValueError,
        r"X\[1\] is uint8 but X\[0\] is float64",
    ),
    "list of stacks": ([GOOD], [GOOD], ValueError, r"X\[0\] has shape \(2, 8, 8, 3\)"),
    "wide y": (
        SHARP_ROWS,
        np.zeros((4, 10)),
        ValueError,
        "y has 10 pixels a row but X",
    ),
}


@pytest.mark.parametrize("name", BAD_PAIRS)
def test_bad_pairs(name):
    X, y, error, message = BAD_PAIRS[name]
    with pytest.raises(error, match=message):
        quick().fit(X, y)


BAD_X = {
    "lone grey": (np.zeros((8, 8)), r"X\[np\.newaxis\]"),
    "lone colour": (
        np.zeros((8, 8, 3)),
        r"has 1 channel.*works on 3.*X\[np\.newaxis\]",
    ),
    "grey": (np.zeros((1, 8, 8, 1)), r"has 1 channel.*np\.stack"),
    "alpha": (np.zeros((1, 8, 8, 4)), r"has 4 channel.*\[\.\.\., :3\]"),
    "one dimension": (np.zeros(8), "X has 1 dimensions"),
}


@pytest.mark.parametrize("name", BAD_X)
def test_bad_images_for_a_colour_model(name, fitted):
    X, message = BAD_X[name]
    with pytest.raises(ValueError, match=message):
        fitted.predict(X)


def test_lone_grey_image_for_a_grey_model(sharp, blurred):
    deblurrer = quick().fit(blurred[..., 0], sharp[..., 0])
    with pytest.raises(ValueError, match=r"pass X\[np\.newaxis\]"):
        deblurrer.predict(blurred[0, ..., 0])


def test_images_for_a_model_of_rows():
    deblurrer = quick().fit(np.zeros((20, 9)), np.zeros((20, 9)))
    with pytest.raises(ValueError, match=r"X holds images, but .* fitted on rows"):
        deblurrer.predict(np.zeros((1, 9, 9)))


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
