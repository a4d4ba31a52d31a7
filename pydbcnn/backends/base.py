"""The contract of an engine, `Backend`, and what engines share."""

from abc import ABC, abstractmethod

from .._pixels.gaussian import gaussian_blur
from .optimizers import OPTIMIZERS


class Backend(ABC):
    """What an engine does, and what it promises.

    An engine is made by `pydbcnn.backends.get_backend`; nothing else in the package
    knows which one computes. `Network` has checked the sizes of the network, and
    callers have checked images, before either arrives here.

    A tensor of images or patches has the shape (n, height, width, channels). Promised
    for all of them:

    - The bits of an estimate depend on the network, its parameters and the image alone:
      not on tiles, on the batch that the image came in, or on the number of threads.
      Those of a gradient depend on the batch, but on no tile or thread.
    - Images keep their type, and are read where they lie, with any strides. At the
      border they continue as if mirrored, edges not repeated (reflect-101), as often as
      the network looks beyond them.
    - Memory beside input and output is bounded by the network and not by the image.
    - A call can be interrupted by Ctrl-C.

    Attributes
    ----------
    name : str
        Of the engine: "reference", "cpu" or "cuda".
    device : {"cpu", "cuda"}
        Where it computes.
    precision : {"float32", "tf32", "bfloat16", "float64"}
        What it rounds to in forward passes.
    """

    name: str
    device: str
    precision: str

    @abstractmethod
    def forward(self, network, params, images, *, data_range, on_pixels=None, out=None):
        """Estimate sharp images.

        Parameters
        ----------
        network : Network
        params : array of shape (network.n_params,)
            Of any floating type. An engine on a GPU takes it from either side.
        images : array of shape (n, height, width, n_channels_in)
            uint8, uint16, float32 or float64; n may be 0. An engine on a GPU takes them
            from either side.
        data_range : float
            The pixel value that the network sees as 1.
        on_pixels : callable or None, default=None
            Called now and then with the number of pixels that were completed since the
            last call; the sum of all is n * height * width.
        out : array of shape (n, height, width, n_channels_out) or None, default=None
            Where to write: of the type of `images`, on their side, with any strides.
            None makes a new array.

        Returns
        -------
        out : array of shape (n, height, width, n_channels_out)
            In the type and range of `images`; integers are rounded and clipped.
        """

    @abstractmethod
    def loss_and_gradient(self, network, params, patches, targets):
        """Half the mean squared error, and its gradient.

        Parameters
        ----------
        network : Network
        params : array of shape (network.n_params,)
        patches : array of shape (n, height + 2 radius, width + 2 radius, n_channels_in)
            Blurred patches with the context that the network sees, as floats, divided
            by the data range.
        targets : array of shape (n, height, width, n_channels_out)
            Sharp patches, likewise.

        Returns
        -------
        loss : float
        gradient : array of shape (network.n_params,)
            Where `vector` puts parameters. The part of the filter, which is not
            learned, has no meaning.
        """

    @abstractmethod
    def vector(self, array):
        """A vector of parameters where this engine computes with it.

        Parameters
        ----------
        array : array of shape (n_params,)
            On either side.

        Returns
        -------
        vector : array of shape (n_params,)
            The array itself, where it lies there already and has the right type.
        """

    @abstractmethod
    def optimizer(self, solver, n_params, dtype):
        """What updates vectors of parameters in place; see `backends.optimizers`.

        Parameters
        ----------
        solver : {"adam", "sgd"}
        n_params : int
        dtype : dtype
            Of the vectors.

        Returns
        -------
        optimizer : object
            With ``update(params, gradient, learning_rate)``, ``state()``, a dict of
            NumPy arrays that is the same for all engines, and ``restore(state)``.
        """

    @abstractmethod
    def gaussian_blur(
        self, image, sigma, *, kernel_size=None, border_mode="reflect101"
    ):
        """Blur an image as `pydbcnn._pixels.gaussian.gaussian_blur` does.

        Parameters
        ----------
        image : array of shape (height, width) or (height, width, channels)
            An engine on a GPU takes it from either side.
        sigma, kernel_size, border_mode
            As there.

        Returns
        -------
        blurred : array like `image`
            A new array on the side of `image`. Integers are the same on every engine.
        """


class HostBackend(Backend):
    """An engine on the CPU: training and blur in NumPy and OpenCV, on NumPy arrays."""

    device = "cpu"
    gaussian_blur = staticmethod(gaussian_blur)

    def vector(self, array):
        """A vector of parameters where this engine computes: as it is."""
        return array

    def optimizer(self, solver, n_params, dtype):
        """`Adam` or `SGD`; see `Backend.optimizer`."""
        return OPTIMIZERS[solver](n_params, dtype)


def even_part(total, most):
    """Size of the parts when `total` is split into the fewest parts of `most`."""
    n_parts = -(-total // most)
    return -(-total // n_parts)
