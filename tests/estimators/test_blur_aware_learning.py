"""DBCNNDeblurrer learns weights that depend on the blur."""

import pickle

import numpy as np
import pytest
from quick_aware import bits, from_weights, quick_aware
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

from pydbcnn import BlurEstimator, DBCNNDeblurrer, GaussianBlurTransformer
from pydbcnn._network.inverse_filter import filter_radius
from pydbcnn._training.checkpoint import Checkpoint
from pydbcnn._training.loop import Training
from pydbcnn.metrics import peak_signal_noise_ratio


def test_attributes(aware):
    assert [coef.shape for coef in aware.coefs_] == [
        (2, 3, 3, 3, 4),
        (2, 1, 1, 4, 3),
        (2, 3, 3, 3, 3),
    ]
    assert [bias.shape for bias in aware.intercepts_] == [(2, 4), (2, 3), (2, 3)]
    assert aware.back_projection_coefs_ == []
    assert aware.combination_coefs_ is None
    assert aware.sigma_range_ == pytest.approx((0.6, 1.6), abs=0.03)
    assert aware.radius_ == filter_radius(aware.sigma_range_[1]) + 2
    assert isinstance(aware.blur_estimator_, BlurEstimator)
    assert any(coef[1].any() for coef in aware.coefs_)


def test_the_filter_alone_is_worth_something(soft, sharp):
    """The layers start near zero, so the filter does all before they have learned."""
    model = quick_aware(n_basis_functions=1, learning_rate_init=1e-9).fit(soft, sharp)
    before = peak_signal_noise_ratio(sharp, soft)
    sigmas = np.linspace(0.6, 1.6, 6)
    assert model.score(soft, sharp, sigmas) > before + 2
    assert model.score(soft, sharp, sigmas) > model.score(soft, sharp, 1.3 * sigmas)


def test_weights_learn_what_each_blur_needs(soft, sharp):
    """Without a filter, polynomials make something of a blur that is known."""
    del soft
    sigmas = np.array([0.5, 2.0] * 3)
    soft = np.concatenate(
        [
            GaussianBlurTransformer(sigma).transform(image[np.newaxis])
            for sigma, image in zip(sigmas, sharp, strict=True)
        ]
    )
    params = dict(inverse_filter=False, max_iter=60, learning_rate_init=0.003)
    one = quick_aware(n_basis_functions=1, **params).fit(soft, sharp)
    two = quick_aware(n_basis_functions=2, **params).fit(soft, sharp)
    assert two.loss_curve_[-1] < two.loss_curve_[0] - 0.1
    assert two.score(soft, sharp, sigmas) > one.score(soft, sharp) + 0.3
    assert two.score(soft, sharp, sigmas) > two.score(soft, sharp, sigmas[::-1]) + 1


@pytest.mark.parametrize("form", [{"n_back_projections": 1}, {"combine": True}])
def test_what_is_around_the_layers_learns(soft, sharp, form):
    model = quick_aware(
        n_basis_functions=1,
        inverse_filter=False,
        loss="squared_error",
        learning_rate_init=0.003,
        max_iter=15,
        **form,
    ).fit(soft, sharp)
    assert model.blur_estimator_ is None
    assert model.sigma_range_ is None
    assert model.loss_curve_[-1] < 0.9 * model.loss_curve_[0]
    assert model.score(soft, sharp) > peak_signal_noise_ratio(sharp, soft)
    if model.n_back_projections:
        assert model.back_projection_coefs_[0][1].any()  # it began as zeros
    else:
        assert model.combination_coefs_[0].any()


def test_same_seed_same_bits_whatever_the_threads(soft, sharp, aware, monkeypatch):
    expected = bits(aware)
    for n_threads in ("1", "2"):
        monkeypatch.setenv("OMP_NUM_THREADS", n_threads)
        assert bits(quick_aware(sigma_noise=0.05).fit(soft, sharp)) == expected
    other = quick_aware(sigma_noise=0.05, random_state=1).fit(soft, sharp)
    assert bits(other) != expected


def test_stacks_and_lists_learn_the_same(soft, sharp, aware):
    model = quick_aware(sigma_noise=0.05).fit(list(soft), list(sharp))
    assert bits(model) == bits(aware)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_an_interrupted_run_ends_with_the_same_bits(
    soft, sharp, tmp_path, monkeypatch, solver
):
    params = dict(max_iter=4, early_stopping=True, sigma_noise=0.05, solver=solver)
    expected = quick_aware(**params).fit(soft, sharp)
    epoch = Training.epoch

    def interrupted(self, backend, sampler, on_batch=None):
        if self.n_iter == 2:
            raise KeyboardInterrupt
        return epoch(self, backend, sampler, on_batch)

    checkpoint = Checkpoint(tmp_path / "state.safetensors", {})
    monkeypatch.setattr(Training, "epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        quick_aware(**params)._fit(soft, sharp, checkpoint=checkpoint)
    monkeypatch.setattr(Training, "epoch", epoch)
    model = quick_aware(**params)._fit(soft, sharp, checkpoint=checkpoint)
    assert bits(model) == bits(expected)
    assert model.loss_curve_ == expected.loss_curve_
    assert model.validation_scores_ == expected.validation_scores_


def test_early_stopping_judges_by_the_known_blur(soft, sharp):
    model = quick_aware(early_stopping=True, max_iter=3, validation_fraction=0.4)
    model.fit(soft, sharp)
    assert len(model.validation_scores_) == 3
    assert model.best_validation_score_ == max(model.validation_scores_)
    random_state = np.random.RandomState(0)
    model._weights.initial_params(random_state)
    held_out = np.sort(random_state.permutation(6)[:2])
    # The blur is that which was found by comparing the images, close to the true one.
    score = model.score(
        soft[held_out], sharp[held_out], np.linspace(0.6, 1.6, 6)[held_out]
    )
    assert score == pytest.approx(model.best_validation_score_, abs=0.1)


def test_partial_fit_goes_on_with_weights_and_estimator(soft, sharp):
    model = quick_aware().partial_fit(soft, sharp)
    first, estimator = bits(model), model.blur_estimator_
    twin = pickle.loads(pickle.dumps(model))
    for each in (model, twin):
        each.partial_fit(soft[::-1], sharp[::-1])
    assert estimator.n_samples_seen_ < model.blur_estimator_.n_samples_seen_
    assert bits(model) == bits(twin) != first
    assert model.sigma_range_ == pytest.approx((0.6, 1.6), abs=0.03)


def test_warm_start_keeps_the_range_and_the_form(soft, sharp):
    model = quick_aware(warm_start=True).fit(soft, sharp)
    first, sigma_range = bits(model), model.sigma_range_
    model.fit(soft[2:4], sharp[2:4])
    assert bits(model) != first
    assert model.sigma_range_ == sigma_range
    for change in (
        {"n_basis_functions": 3},
        {"inverse_filter": False},
        {"n_back_projections": 1},
        {"combine": True},
    ):
        other = pickle.loads(pickle.dumps(model)).set_params(**change)
        with pytest.raises(ValueError, match=r"belong to .*warm_start=False"):
            other.fit(soft, sharp)


def test_a_failed_fit_leaves_the_model_as_it_was(soft, sharp, aware):
    model = pickle.loads(pickle.dumps(aware))
    model.set_params(n_basis_functions=1, inverse_filter=False, solver="sgd")
    with pytest.raises(ValueError, match="diverged"):
        model.set_params(learning_rate_init=1e9).fit(soft, sharp)
    assert bits(model) == bits(aware)
    np.testing.assert_array_equal(model.predict(soft), aware.predict(soft))


def test_frozen_estimators_are_left_alone(soft, sharp, aware):
    inner = pickle.loads(pickle.dumps(aware.blur_estimator_))
    frozen = FrozenEstimator(inner)
    before = inner.regressor_.tensors()["mean"].copy()
    model = quick_aware(blur_estimator=frozen).fit(soft, sharp).partial_fit(soft, sharp)
    assert model.blur_estimator_ is frozen
    np.testing.assert_array_equal(inner.regressor_.tensors()["mean"], before)
    np.testing.assert_array_equal(model.estimate_blur(soft), inner.predict(soft))
    with pytest.raises(NotFittedError, match="not fitted"):
        quick_aware(blur_estimator=FrozenEstimator(BlurEstimator())).fit(soft, sharp)


def test_what_was_passed_in_is_not_changed(soft, sharp, aware):
    given = quick_aware().blur_estimator
    quick_aware(blur_estimator=given).fit(soft, sharp)
    assert not hasattr(given, "regressor_")
    assert given.random_state is None
    fitted = pickle.loads(pickle.dumps(aware.blur_estimator_))
    model = from_weights(aware, blur_estimator=fitted)
    before = fitted.n_samples_seen_
    model.partial_fit(soft, sharp)
    assert fitted.n_samples_seen_ == before < model.blur_estimator_.n_samples_seen_
    with pytest.raises(NotFittedError, match="not fitted"):
        from_weights(aware, blur_estimator=BlurEstimator())


def test_estimators_share_the_range_of_the_network(soft, sharp, aware):
    floats = [images.astype(np.float32) for images in (soft, sharp)]
    model = quick_aware(sigma_noise=0.05, data_range=255.0).fit(*floats)
    assert model.blur_estimator_.data_range == 255.0
    np.testing.assert_array_equal(
        model.estimate_blur(floats[0]), aware.estimate_blur(soft)
    )


def test_another_estimator_is_refused(soft, sharp):
    from sklearn.linear_model import Ridge

    with pytest.raises(ValueError, match=r"'blur_estimator' .*BlurEstimator.*Ridge"):
        quick_aware(blur_estimator=Ridge()).fit(soft, sharp)


def test_composition(soft, sharp, aware):
    copy = clone(aware)
    assert not hasattr(copy, "coefs_")
    assert copy.blur_estimator is not aware.blur_estimator
    assert copy.get_params(deep=False).keys() == aware.get_params(deep=False).keys()
    assert copy.get_params()["blur_estimator__n_members"] == 1
    again = pickle.loads(pickle.dumps(aware))
    np.testing.assert_array_equal(again.predict(soft), aware.predict(soft))
    search = GridSearchCV(
        quick_aware(max_iter=1), {"n_basis_functions": [1, 2]}, cv=2, n_jobs=2
    ).fit(soft, sharp)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    alone = quick_aware(max_iter=1, **search.best_params_).fit(soft, sharp)
    assert bits(search.best_estimator_) == bits(alone)


def test_grey_images_learn_and_predict(soft, sharp):
    flat, deep = (
        quick_aware().fit(
            *(images[..., 1:2].reshape(shape) for images in (soft, sharp))
        )
        for shape in (soft.shape[:3], (*soft.shape[:3], 1))
    )
    assert bits(flat) == bits(deep)
    np.testing.assert_array_equal(
        flat.predict(soft[..., 1], 1.0),
        deep.predict(soft[..., 1:2], 1.0)[..., 0],
    )


def test_rows_and_patches_are_refused(soft, sharp):
    message = "learned from whole images, X and y of one size"
    with pytest.raises(ValueError, match=message):
        quick_aware().fit(np.zeros((9, 20)), np.zeros((9, 20)))
    with pytest.raises(ValueError, match=message):
        quick_aware().fit(soft, sharp[:, 2:-2, 2:-2])


@pytest.mark.parametrize(
    "bad",
    [
        {"n_basis_functions": 0},
        {"n_basis_functions": 17},
        {"n_back_projections": 5},
        {"sigma_noise": -0.1},
        {"loss": "absolute_error"},
        {"combine": "yes"},
        {"inverse_filter": 1},
    ],
)
def test_bad_parameters_are_named(soft, sharp, bad):
    ((name, value),) = bad.items()
    with pytest.raises(ValueError, match=f"'{name}' .*{value!r}"):
        quick_aware(**bad).fit(soft, sharp)


def test_channels_in_and_out_may_differ(soft, sharp):
    model = quick_aware(residual=False).fit(soft, sharp[..., :1])
    assert model.predict(soft).shape == (6, 40, 48, 1)
    for sigma in (0.0, 1.0, np.full((2, 2), 1.0)):
        assert model.predict(soft[:1], [sigma]).shape == (1, 40, 48, 1)
    assert model.blur_estimator_.n_samples_seen_ == 6  # of which none is sharp


@pytest.mark.parametrize("size", [(40, 48), (5, 7), (1, 1)])
def test_sharp_and_small_images_are_no_trouble(sharp, size):
    """Where all blurs are alike, the polynomials get a range all the same."""
    images = sharp[:, : size[0], : size[1]]
    model = quick_aware().fit(images, images)
    assert model.sigma_range_ == pytest.approx((0.3, 0.33))
    assert model.predict(images).shape == images.shape
    np.testing.assert_array_equal(model.predict(images, 0.0), images)


def test_channels_that_differ_exclude_back_projections(soft, sharp):
    model = quick_aware(n_back_projections=1, residual=False)
    with pytest.raises(ValueError, match="pass n_back_projections=0"):
        model.fit(soft, sharp[..., 0])


def test_an_estimator_from_a_file_is_kept(soft, sharp, tmp_path):
    """`warm_start` and `partial_fit` keep it, with the model's range of values."""
    model = quick_aware(data_range=255.0).fit(soft, sharp)
    model.save(tmp_path / "m.safetensors")
    loaded = DBCNNDeblurrer.load(tmp_path / "m.safetensors")
    assert loaded.blur_estimator_.data_range == 255.0
    floats = soft.astype(np.float32)
    expected = loaded.estimate_blur(floats)
    np.testing.assert_array_equal(loaded.blur_estimator_.predict(floats), expected)
    for go_on in (loaded.set_params(warm_start=True).fit, loaded.partial_fit):
        go_on(soft, sharp)
        np.testing.assert_array_equal(loaded.estimate_blur(floats), expected)


def test_a_frozen_estimator_replaces_that_of_a_fitted_model(soft, sharp):
    model = quick_aware().fit(soft, sharp)
    frozen = FrozenEstimator(
        quick_aware(random_state=1).fit(soft, sharp).blur_estimator_
    )
    model.set_params(warm_start=True, blur_estimator=frozen).fit(soft, sharp)
    assert model.blur_estimator_ is frozen


def test_a_fit_that_fails_leaves_the_model_as_it_was(soft, sharp):
    model = quick_aware(warm_start=True).fit(soft, sharp)
    before = model.estimate_blur(soft)
    model.set_params(learning_rate_init=1e30)
    with pytest.raises(ValueError, match="diverged"):
        model.fit(soft[:3], sharp[:3])
    np.testing.assert_array_equal(model.estimate_blur(soft), before)
