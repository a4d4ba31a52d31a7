"""Solvers, samplers and checkpoints."""

import numpy as np
import pytest
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from pydbcnn import DBCNNDeblurrer
from pydbcnn._training.checkpoint import Checkpoint
from pydbcnn._training.loop import Schedule, Training
from pydbcnn._training.sampling import GivenPatches, RandomPatches
from pydbcnn.backends.optimizers import SGD, Adam

SCHEDULE = Schedule(
    solver="adam",
    learning_rate="cosine",
    learning_rate_init=0.01,
    alpha=0.0,
    max_iter=10,
    tol=0.0,
    n_iter_no_change=10,
    early_stopping=False,
)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Adam, lambda params: AdamOptimizer(params, 0.01)),
        (SGD, lambda params: SGDOptimizer(params, 0.01, momentum=0.9, nesterov=True)),
    ],
    ids=["adam", "sgd"],
)
def test_solvers_are_scikit_learns(ours, theirs):
    random_state = np.random.RandomState(0)
    params = random_state.normal(size=50)
    expected = [params.copy()]
    reference = theirs(expected)
    solver = ours(50, float)
    for _ in range(20):
        gradient = random_state.normal(size=50)
        solver.update(params, gradient, 0.01)
        reference.update_params(expected, [gradient])
    np.testing.assert_allclose(params, expected[0], rtol=1e-10)


@pytest.mark.parametrize("solver", [Adam, SGD])
def test_solvers_go_on_from_their_state(solver):
    gradients = np.random.RandomState(0).normal(size=(6, 50))
    first, params = solver(50, float), np.zeros(50)
    for gradient in gradients[:3]:
        first.update(params, gradient, 0.01)
    second, moved = solver(50, float), params.copy()
    second.restore(first.state())
    for gradient in gradients[3:]:
        first.update(params, gradient, 0.01)
        second.update(moved, gradient, 0.01)
    np.testing.assert_array_equal(params, moved)


def test_cosine_schedule():
    rates = [SCHEDULE.rate_at(progress) for progress in (0.0, 0.5, 1.0)]
    assert rates == pytest.approx([0.01, 0.01 * 0.505, 0.0001])


def coordinates(height, width):
    """An image whose pixels tell where they are."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns], axis=-1).astype(np.float32)


def sampler_of(sizes, **params):
    images = [coordinates(*size) for size in sizes]
    defaults = dict(scale=1.0, radius=3, patch_size=8, batch_size=5, shuffle=True)
    return RandomPatches(images, images, **defaults | params)


def batches_of(sampler, seed):
    """Patches and targets of each batch, where the blur is of no account."""
    for (group,) in sampler.batches(np.random.RandomState(seed)):
        assert group.sigma is None
        yield group.patches, group.targets


def test_patches_carry_their_true_context():
    """The middle of each patch of X is its target, and the rest goes on from it."""
    sampler = sampler_of([(30, 40)])
    for patches, targets in batches_of(sampler, 0):
        assert patches.shape[1:] == (14, 14, 2)
        np.testing.assert_array_equal(patches[:, 3:-3, 3:-3], targets)
        for patch in patches:
            for axis in (0, 1):
                steps = np.abs(np.diff(patch, axis=axis)).sum(axis=-1)
                assert set(np.unique(steps)) <= {1.0}  # neighbours stay neighbours


def test_context_at_the_border_is_mirrored():
    image = np.random.RandomState(0).uniform(size=(12, 12, 1)).astype(np.float32)
    padded = np.pad(image, ((5, 5), (5, 5), (0, 0)), mode="reflect")
    sampler = RandomPatches(
        [image],
        [image],
        scale=1.0,
        radius=5,
        patch_size=12,
        batch_size=1,
        shuffle=False,
    )
    ((patches, targets),) = batches_of(sampler, 0)
    np.testing.assert_array_equal(patches[0], padded)
    np.testing.assert_array_equal(targets[0], image)


def test_all_eight_orientations_and_all_places_are_drawn():
    sampler = sampler_of([(9, 9)], patch_size=8, batch_size=100)
    seen = {
        tuple(target[corner] for corner in ((0, 0, 0), (0, 0, 1), (0, 7, 0), (7, 0, 0)))
        for seed in range(20)
        for _, targets in batches_of(sampler, seed)
        for target in targets
    }
    assert len(seen) == 4 * 8


def test_large_images_are_drawn_more_often():
    images = [np.full((40, 40, 1), 0.0), np.full((20, 20, 1), 1.0)]
    sampler = RandomPatches(
        images, images, scale=1.0, radius=1, patch_size=4, batch_size=50, shuffle=True
    )
    drawn = np.concatenate(
        [
            targets[:, 0, 0, 0]
            for seed in range(30)
            for _, targets in batches_of(sampler, seed)
        ]
    )
    assert drawn.mean() == pytest.approx(400 / 2000, abs=0.02)


def test_an_epoch_covers_the_pixels_once():
    sampler = sampler_of([(32, 40), (16, 8)], patch_size=8, batch_size=4)
    assert sampler.n_batches == -(-(32 * 40 + 16 * 8) // (4 * 64))


def test_without_shuffle_a_grid_covers_every_pixel():
    sampler = sampler_of([(19, 21)], shuffle=False, patch_size=8)
    covered = np.zeros((19, 21), bool)
    for _, targets in batches_of(sampler, 0):
        rows, columns = targets.reshape(-1, 2).astype(int).T
        covered[rows, columns] = True
    assert covered.all()


def test_long_images_are_turned_half_only():
    sampler = sampler_of([(1, 30)], patch_size=8)
    for patches, targets in batches_of(sampler, 0):
        assert patches.shape[1:3] == (7, 14)
        assert targets.shape[1:3] == (1, 8)


def test_given_patches_are_visited_once():
    X = np.arange(10, dtype=float).reshape(10, 1, 1, 1) * np.ones((1, 9, 9, 1))
    sampler = GivenPatches(
        X, X[:, 2:-2, 2:-2], scale=2.0, radius=2, batch_size=4, shuffle=True
    )
    orders = []
    for seed in range(2):
        batches = list(batches_of(sampler, seed))
        assert [len(patches) for patches, _ in batches] == [4, 4, 2]
        assert all(patches.shape[1:3] == (9, 9) for patches, _ in batches)
        orders.append(np.concatenate([targets[:, 0, 0, 0] for _, targets in batches]))
    assert sorted(orders[0]) == [i / 2 for i in range(10)]
    assert orders[0].tolist() != orders[1].tolist()


@pytest.fixture
def learner():
    return DBCNNDeblurrer(
        n_filters=(6, 4),
        kernel_sizes=(5, 1, 3),
        patch_size=16,
        batch_size=4,
        learning_rate="cosine",
        max_iter=4,
        early_stopping=True,
        random_state=0,
    )


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_an_interrupted_run_ends_with_the_same_weights(
    learner, solver, sharp, blurred, tmp_path, monkeypatch
):
    learner.set_params(solver=solver)
    path = tmp_path / "state.safetensors"
    expected = learner.fit(blurred, sharp).coefs_
    curve = learner.loss_curve_

    epoch = Training.epoch

    def interrupted(self, backend, sampler, on_batch=None):
        if self.n_iter == 2:
            raise KeyboardInterrupt
        return epoch(self, backend, sampler, on_batch)

    monkeypatch.setattr(Training, "epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        learner._fit(blurred, sharp, checkpoint=Checkpoint(path, {"seed": 0}))
    monkeypatch.setattr(Training, "epoch", epoch)
    learner._fit(blurred, sharp, checkpoint=Checkpoint(path, {"seed": 0}))
    assert learner.loss_curve_ == curve
    for coef, other in zip(learner.coefs_, expected, strict=True):
        assert coef.tobytes() == other.tobytes()


def test_a_checkpoint_of_another_run_is_refused(learner, sharp, blurred, tmp_path):
    path = tmp_path / "state.safetensors"
    learner._fit(blurred, sharp, checkpoint=Checkpoint(path, {"seed": 0}))
    with pytest.raises(
        ValueError, match=r"other settings.*seed was 0, is now 1.*Remove"
    ):
        learner._fit(blurred, sharp, checkpoint=Checkpoint(path, {"seed": 1}))


def test_a_damaged_checkpoint_is_refused(learner, sharp, blurred, tmp_path):
    path = tmp_path / "state.safetensors"
    learner._fit(blurred, sharp, checkpoint=Checkpoint(path, {}))
    whole = path.read_bytes()
    for content in (whole[:-100], whole.replace(b'"counters"', b'"counterz"')):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"state\.safetensors .*damaged"):
            learner._fit(blurred, sharp, checkpoint=Checkpoint(path, {}))
    learner.set_params(n_filters=(7, 4))
    path.write_bytes(whole)
    with pytest.raises(ValueError, match=r"damaged checkpoint.*params of shape"):
        learner._fit(blurred, sharp, checkpoint=Checkpoint(path, {}))
