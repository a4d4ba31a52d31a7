"""Runs that go on from a checkpoint, and checkpoints that are refused."""

import pytest

from pydbcnn import DBCNNDeblurrer
from pydbcnn._estimators.deblurrer import fit_deblurrer
from pydbcnn._training.checkpoint import Checkpoint
from pydbcnn._training.loop import Training


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
        fit_deblurrer(learner, blurred, sharp, checkpoint=Checkpoint(path, {"seed": 0}))
    monkeypatch.setattr(Training, "epoch", epoch)
    fit_deblurrer(learner, blurred, sharp, checkpoint=Checkpoint(path, {"seed": 0}))
    assert learner.loss_curve_ == curve
    for coef, other in zip(learner.coefs_, expected, strict=True):
        assert coef.tobytes() == other.tobytes()


def test_a_checkpoint_of_another_run_is_refused(learner, sharp, blurred, tmp_path):
    path = tmp_path / "state.safetensors"
    fit_deblurrer(learner, blurred, sharp, checkpoint=Checkpoint(path, {"seed": 0}))
    with pytest.raises(
        ValueError, match=r"other settings.*seed was 0, is now 1.*Remove"
    ):
        fit_deblurrer(learner, blurred, sharp, checkpoint=Checkpoint(path, {"seed": 1}))


def test_a_damaged_checkpoint_is_refused(learner, sharp, blurred, tmp_path):
    path = tmp_path / "state.safetensors"
    fit_deblurrer(learner, blurred, sharp, checkpoint=Checkpoint(path, {}))
    whole = path.read_bytes()
    for content in (whole[:-100], whole.replace(b'"counters"', b'"counterz"')):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"state\.safetensors .*damaged"):
            fit_deblurrer(learner, blurred, sharp, checkpoint=Checkpoint(path, {}))
    learner.set_params(n_filters=(7, 4))
    path.write_bytes(whole)
    with pytest.raises(ValueError, match=r"damaged checkpoint.*params of shape"):
        fit_deblurrer(learner, blurred, sharp, checkpoint=Checkpoint(path, {}))
