"""What all backends share that compute on the CPU."""

from .._pixels.gaussian import gaussian_blur
from .optimizers import OPTIMIZERS


class OnHost:
    """Training and blur in NumPy and OpenCV, on NumPy arrays."""

    device = "cpu"
    gaussian_blur = staticmethod(gaussian_blur)

    def vector(self, params):
        """A vector of parameters where this backend computes: as it is."""
        return params

    def optimizer(self, solver, n_params, dtype):
        """What updates such vectors.

        Parameters
        ----------
        solver : {"adam", "sgd"}
        n_params : int
        dtype : dtype

        Returns
        -------
        optimizer : Adam or SGD
        """
        return OPTIMIZERS[solver](n_params, dtype)
