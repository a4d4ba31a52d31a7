"""What all transformers of images share: layouts, checks, and draws in order."""

import numpy as np
from sklearn.base import (
    BaseEstimator,
    OneToOneFeatureMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from .._pixels.device import namespace, refuse_gpu
from .._pixels.images import ROW_TYPES, as_images, holds_images


class ImageTransformer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """A transformer that changes images one by one, and needs no fit.

    A subclass has a parameter `random_state`, checks its other parameters in
    `_check_parameters`, and says in `_change` what happens to an image. Images are
    changed in their order, and each makes its draws when its turn comes, so that an
    int as `random_state` gives the same result for every call.
    """

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Check parameters and images; nothing is learned.

        Parameters
        ----------
        X : array of shape (n, height, width[, channels]), list of arrays, or rows
            Images of type uint8, uint16, float32 or float64.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The transformer.
        """
        self._check_parameters()
        self._check_X(X, reset=True)
        return self

    def transform(self, X):
        """Degrade images, each by itself.

        Parameters
        ----------
        X : array of shape (n, height, width[, channels]), list of arrays, or rows
            Images of type uint8, uint16, float32 or float64.

        Returns
        -------
        degraded : like X
            New arrays of the same layout, type and range.

        Raises
        ------
        ValueError
            When a parameter or X does not fit; the message says how.
        TypeError
            When pixels are of another type.
        """
        return self._transform_each(X, self._change)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.three_d_array = True
        return tags

    def _transform_each(self, X, change):
        """Images, or rows, each by a function of it and a random state."""
        self._validate_params()
        self._check_parameters()
        X = self._check_X(X, reset=False)
        random_state = check_random_state(self.random_state)
        if isinstance(X, np.ndarray):
            rows = [change(row[np.newaxis], random_state)[0] for row in X]
            return np.stack(rows)
        changed = [
            namespace(batch).empty(batch.shape, batch.dtype) for batch in X.batches
        ]
        for batch, result in zip(X.batches, changed, strict=True):
            for image, place in zip(batch, result, strict=True):
                place[...] = change(image, random_state)
        return X.like(changed)

    def _check_parameters(self):
        """Raise for what `_parameter_constraints` cannot express."""
        raise NotImplementedError

    def _check_X(self, X, *, reset):
        """`Images`, or a two-dimensional array of rows."""
        if holds_images(X):
            images = as_images(X, "X")
            self._check_place(images.batches[0])
            return images
        return validate_data(self, X, reset=reset, dtype=ROW_TYPES)

    def _check_place(self, batch):
        """Raise for images where the transformer does not compute."""
        refuse_gpu(batch, type(self).__name__)

    def _change(self, image, random_state):
        """A changed image of shape (height, width[, channels]), of the same type."""
        raise NotImplementedError
