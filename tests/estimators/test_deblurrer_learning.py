"""How DBCNNDeblurrer learns: seeds, going on, stopping, and patches of all sizes."""

import pickle
import warnings

import numpy as np
import pytest
from quick_learners import quick, weights_of
from sklearn.exceptions import ConvergenceWarning

from pydbcnn import DBCNNDeblurrer
from pydbcnn._network.network import Network
from pydbcnn._training.loop import Training
from pydbcnn.backends.reference import ReferenceBackend
from pydbcnn.metrics import peak_signal_noise_ratio


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


def test_partial_fit_takes_up_another_solver(sharp, blurred):
    deblurrer = quick().partial_fit(blurred, sharp)
    deblurrer.set_params(solver="sgd").partial_fit(blurred, sharp)
    assert type(deblurrer._training.optimizer).__name__ == "SGD"


def test_pickled_training_goes_on_like_the_original(sharp, blurred):
    first = quick().partial_fit(blurred, sharp)
    second = pickle.loads(pickle.dumps(first))
    assert weights_of(first.partial_fit(blurred, sharp)) == weights_of(
        second.partial_fit(blurred, sharp)
    )
