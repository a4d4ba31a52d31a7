"""The whole state of a training in one file, so that it can be interrupted."""

import json

import numpy as np

from .._files import read_tensors, write_whole
from .._pixels.device import to_host

FORMAT = "pydbcnn-checkpoint"
FORMAT_VERSION = 1
_COUNTERS = ("n_iter", "t", "no_improvement", "best_loss", "best_score", "stopped")
_CURVES = ("loss_curve", "validation_scores", "validation_losses")


class Checkpoint:
    """The state of a training run after its last whole epoch.

    Parameters
    ----------
    path : path-like
    settings : dict
        What the run depends on. A run with other settings does not go on from it.
    """

    def __init__(self, path, settings):
        self.path = path
        self.settings = json.dumps(settings, sort_keys=True, default=str)

    def restore(self, training):
        """Bring a training to where the file left it, if there is one.

        Raises
        ------
        ValueError
            When the file belongs to a run with other settings, or is damaged.
        """
        if not self.path.exists():
            return
        arrays, metadata = read_tensors(self.path, FORMAT, FORMAT_VERSION)
        try:
            self._check_settings(metadata["settings"])
            self._restore(training, arrays, metadata)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(
                f"{self.path} is a damaged checkpoint ({error!r}): remove it to start "
                "anew."
            ) from error

    def _check_settings(self, settings):
        if settings != self.settings:
            raise ValueError(
                f"{self.path} belongs to a run with other settings or another dataset: "
                f"{_differences(settings, self.settings)}. Remove the file "
                "to start anew, or go back to those settings to continue."
            )

    def _restore(self, training, arrays, metadata):
        for name in ("params", "best_params"):
            if arrays.get(name, training.params).shape != training.params.shape:
                raise TypeError(f"{name} of shape {arrays[name].shape}")
        training.params[:] = arrays["params"]
        training.best_params = arrays.get("best_params")
        training.optimizer.restore(
            {
                name.removeprefix("optimizer."): array
                for name, array in arrays.items()
                if name.startswith("optimizer.")
            }
        )
        counters = json.loads(metadata["counters"])
        for name in _COUNTERS:
            setattr(training, name, counters[name])
        for name in _CURVES:
            setattr(training, name, arrays[name].tolist())
        kind, position, has_gauss, gauss = json.loads(metadata["random_state"])
        training.random_state.set_state(
            (kind, arrays["random_state"], position, has_gauss, gauss)
        )

    def save(self, training):
        """Replace the file by the state of a training."""
        from safetensors.numpy import save

        kind, keys, position, has_gauss, gauss = training.random_state.get_state()
        arrays = {
            "params": to_host(training.params),
            "random_state": keys,
            **{name: np.array(getattr(training, name), float) for name in _CURVES},
            **{
                f"optimizer.{name}": array
                for name, array in training.optimizer.state().items()
            },
        }
        if training.best_params is not None:
            arrays["best_params"] = to_host(training.best_params)
        metadata = {
            "format": FORMAT,
            "format_version": str(FORMAT_VERSION),
            "settings": self.settings,
            "counters": json.dumps(
                {name: getattr(training, name) for name in _COUNTERS}
            ),
            "random_state": json.dumps([kind, position, has_gauss, gauss]),
        }
        content = save(arrays, metadata)
        write_whole(self.path, content, overwrite=True)


def forget(path):
    """Remove a checkpoint, but no other file."""
    read_tensors(path, FORMAT, FORMAT_VERSION)
    path.unlink()


def _differences(before, now):
    before, now = json.loads(before), json.loads(now)
    return "; ".join(
        f"{name} was {before.get(name)!r}, is now {now.get(name)!r}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    )
