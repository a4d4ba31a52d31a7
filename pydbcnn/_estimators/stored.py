"""From weights and files to an estimator, and back."""

from copy import deepcopy

from sklearn.utils.validation import check_is_fitted

from .._blur_estimation.estimator import BlurEstimator
from .._network.learned_arrays import LearnedArrays


class StoredModelMixin:
    """What a `DBCNNDeblurrer` has learned: from arrays and files, and to them."""

    @classmethod
    def from_pretrained(cls, name="mild"):
        """A model that ships with the package.

        Parameters
        ----------
        name : str, default="mild"
            One of `pydbcnn.pretrained.available_models`.

        Returns
        -------
        deblurrer : DBCNNDeblurrer
            Fitted.

        Raises
        ------
        ValueError
            When there is no such model; the message lists them.

        Examples
        --------
        >>> from pydbcnn import DBCNNDeblurrer
        >>> DBCNNDeblurrer.from_pretrained("mild").n_channels_in_
        3
        """
        from ..pretrained import model_path

        return cls.load(model_path(name))

    @classmethod
    def from_weights(
        cls,
        coefs,
        intercepts,
        *,
        back_projection_coefs=(),
        combination_coefs=None,
        sigma_range=None,
        blur_estimator=None,
        **params,
    ):
        """An estimator around given weights.

        Parameters
        ----------
        coefs : list of 3 array of shape (kernel, kernel, inputs, filters)
            Weights of the layers, as in the attribute `coefs_`.
        intercepts : list of 3 array of shape (filters,)
            Biases of the layers.
        back_projection_coefs : list of tuple of 2 array, default=()
            Kernels of back-projections, as in the attribute `back_projection_coefs_`.
        combination_coefs : tuple of 3 array, default=None
            Weights of the combination, as in the attribute `combination_coefs_`.
        sigma_range : tuple of 2 float, default=None
            Blurs that the weights were made for; needed where they depend on it.
        blur_estimator : BlurEstimator, default=None
            Fitted: estimates the blur, and is copied, so that `partial_fit` leaves it
            alone. Without it, `predict` must be told sigma.
        **params
            Other parameters of the estimator; those that follow from the weights
            are left out.

        Returns
        -------
        deblurrer : DBCNNDeblurrer
            Fitted: it predicts, and learns further with `partial_fit`.

        Raises
        ------
        ValueError
            When the shapes do not make a network.
        NotFittedError
            When `blur_estimator` is not fitted.

        Examples
        --------
        >>> import numpy as np
        >>> from pydbcnn import DBCNNDeblurrer
        >>> shapes = [(3, 3, 1, 4), (1, 1, 4, 2), (3, 3, 2, 1)]
        >>> deblurrer = DBCNNDeblurrer.from_weights(
        ...     [np.zeros(s) for s in shapes], [np.zeros(s[-1]) for s in shapes]
        ... )
        >>> float(deblurrer.predict(np.full((1, 4, 4), 0.5)).max())
        0.5
        """
        from ..persistence import weights_of_arrays

        arrays = LearnedArrays(
            coefs, intercepts, back_projection_coefs, combination_coefs
        )
        weights = weights_of_arrays(
            arrays,
            residual=params.get("residual", True),
            inverse_filter=params.get("inverse_filter", False),
            sigma_range=sigma_range,
        )
        network = weights.network
        estimator = cls(
            n_filters=network.n_filters,
            kernel_sizes=network.kernel_sizes,
            n_basis_functions=weights.n_basis_functions,
            n_back_projections=network.n_back_projections,
            combine=network.combine,
            blur_estimator=blur_estimator,
            **params,
        )
        estimator._validate_params()
        estimator.blur_estimator_ = None
        if weights.needs_sigma and blur_estimator is not None:
            check_is_fitted(blur_estimator, "regressor_")
            estimator.blur_estimator_ = deepcopy(blur_estimator)
        estimator._set_weights(weights, arrays.flatten(weights, estimator._dtype()))
        return estimator

    def save(self, path, *, overwrite=False):
        """Write the fitted model to a safetensors file.

        Parameters
        ----------
        path : path-like
            Its folder must exist. The file appears whole or not at all.
        overwrite : bool, default=False
            Whether a file that is already there may be replaced.

        See Also
        --------
        pydbcnn.persistence.save_model : What the file holds, and what is refused.
        """
        from ..persistence import save_model

        save_model(self, path, overwrite=overwrite)

    @classmethod
    def load(cls, path):
        """Read a model that `save` has written; no pickle is involved.

        Parameters
        ----------
        path : path-like
            A file that `save` has written.

        Returns
        -------
        deblurrer : DBCNNDeblurrer
            Fitted.

        Raises
        ------
        ValueError
            When the file is no such model, or a damaged one.
        """
        from ..persistence import read_model

        model, settings = read_model(path)
        unknown = sorted(set(settings) - set(cls._get_param_names()))
        if unknown:
            raise ValueError(
                f"{path} holds parameters that this version does not know: "
                f"{', '.join(unknown)}. Install a newer pydbcnn to load it."
            )
        estimator = cls(**settings)
        estimator._validate_params()
        estimator.blur_estimator_ = None
        if model.regressor is not None:
            estimator.blur_estimator_ = BlurEstimator.from_regressor(
                model.regressor
            ).set_params(data_range=estimator.data_range)
        estimator._set_weights(model.weights, model.params.astype(estimator._dtype()))
        return estimator

    def to_onnx(self, path, *, sigma=None, overwrite=False):
        """Write the network as an ONNX model, for other runtimes.

        The model takes ``blurred`` and gives ``restored``: float32 of shape (n, height,
        width, channels) with values that are divided by the data range, so that white
        is 1. Images must be larger than `radius_` on both sides: ONNX mirrors at the
        border only once. Needs the package onnx.

        Parameters
        ----------
        path : path-like
            The file appears whole or not at all.
        sigma : float, default=None
            The blur that the model undoes, where it depends on one: a file holds the
            network for one blur.
        overwrite : bool, default=False
            Whether a file that is already there may be replaced.

        Raises
        ------
        ValueError
            When the model depends on the blur and `sigma` is not given, or the other
            way round.
        """
        from .._restoration.onnx import export_onnx

        export_onnx(self, path, sigma=sigma, overwrite=overwrite)

    def _set_weights(self, weights, params):
        self.n_channels_in_ = weights.network.n_channels_in
        self.n_channels_out_ = weights.network.n_channels_out
        self.sigma_range_ = weights.sigma_range if weights.needs_sigma else None
        # The weights fix the form; parameters may change after they were learned.
        self._weights = weights
        arrays = LearnedArrays.of(weights, params)
        self.coefs_, self.intercepts_ = arrays.coefs, arrays.intercepts
        self.back_projection_coefs_ = arrays.back_projections
        self.combination_coefs_ = arrays.combination

    def _learned_arrays(self):
        return LearnedArrays(
            self.coefs_,
            self.intercepts_,
            self.back_projection_coefs_,
            self.combination_coefs_,
        )

    def _params(self):
        return self._learned_arrays().flatten(self._weights, self._dtype())
