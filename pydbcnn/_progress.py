"""Progress bars: tqdm, on anything that may take more than a second."""

import sys

if "IPython" in sys.modules:  # perhaps in a notebook, where bars are widgets
    from tqdm.auto import tqdm
else:  # the same bar as from tqdm.auto, without the import of asyncio
    from tqdm import tqdm


class _DelayedBar(tqdm):
    def display(self, *args, **kwargs):
        # tqdm.write redraws every bar, even one whose delay has not passed.
        if self._time() - getattr(self, "start_t", 0) >= self.delay:
            return super().display(*args, **kwargs)
        return None


def progress_bar(iterable=None, *, disable=False, **kwargs):
    """A tqdm bar on standard error that appears once a second has passed."""
    return _DelayedBar(
        iterable, disable=disable, delay=1.0, dynamic_ncols=True, leave=True, **kwargs
    )


class TrainingBar:
    """A bar over the patches of a run, with loss, validation PSNR and patches/s.

    Parameters
    ----------
    training : Training
    n_samples : int
        Patches of an epoch.
    disable : bool
    """

    def __init__(self, training, n_samples, *, disable):
        self.training = training
        self.bar = progress_bar(
            total=training.schedule.max_iter * n_samples,
            initial=training.n_iter * n_samples,
            disable=disable,
            unit=" patches",
            unit_scale=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.bar.close()

    def on_batch(self, n_patches, loss):
        """Move on, with the loss of the batch."""
        epoch = min(self.training.n_iter + 1, self.training.schedule.max_iter)
        self.bar.set_description(
            f"epoch {epoch}/{self.training.schedule.max_iter}", refresh=False
        )
        notes = {"loss": f"{loss:.3g}"}
        if self.training.validation_scores:
            notes["validation"] = f"{self.training.validation_scores[-1]:.2f} dB"
        self.bar.set_postfix(notes, refresh=False)
        self.bar.update(n_patches)
