"""Small models that depend on the blur, made by hand, for several test files."""

import numpy as np

from pydbcnn import BlurEstimator, DBCNNDeblurrer
from pydbcnn._blur_estimation.regressor import BlurRegressor
from pydbcnn._blur_estimation.statistics import N_STATISTICS
from pydbcnn._network.blur_aware import BlurAwareNetwork
from pydbcnn._network.learned_arrays import LearnedArrays
from pydbcnn._network.network import Network

SIGMA_RANGE = (0.4, 3.0)


def random_weights(n_channels=1, sigma_range=SIGMA_RANGE, **form):
    """A small network whose estimate differs for each sigma, and its parameters."""
    form = dict(residual=True, n_back_projections=1, combine=True) | form
    network = Network(n_channels, n_channels, (4, 3), (3, 1, 3), **form)
    weights = BlurAwareNetwork.around(network, 3, True, sigma_range)
    random_state = np.random.RandomState(0)
    params = weights.initial_params(random_state)
    params += random_state.normal(scale=0.02, size=params.shape).astype(np.float32)
    return weights, params


def restored(model, backend, batch, *, data_range, on_pixels=None, **wanted):
    """A batch through a model, after `DeblurModel.check`; highlights do not count."""
    known = model.check(
        **{"clipped": "none"} | wanted,
        shapes=[image.shape[:2] for image in batch],
        dtype=batch.dtype,
    )
    return model.restore(
        backend, batch, data_range=data_range, known=known, on_pixels=on_pixels
    )


def regressor_that_says(sigma):
    """One layer without weights: the same sigma for every image."""
    layer = (
        np.zeros((N_STATISTICS, 1), np.float32),
        np.array([np.hypot(sigma, 0.3)]),
    )
    return BlurRegressor(np.zeros(N_STATISTICS), np.ones(N_STATISTICS), ((layer,),))


def deblurrer_that_sees(sigma, n_channels=1):
    """An estimator with random weights that takes all images for blurred by `sigma`.

    With None, it is one that must be told the blur.
    """
    weights, params = random_weights(n_channels)
    arrays = LearnedArrays.of(weights, params)
    told = None if sigma is None else regressor_that_says(sigma)
    return DBCNNDeblurrer.from_weights(
        arrays.coefs,
        arrays.intercepts,
        back_projection_coefs=arrays.back_projections,
        combination_coefs=arrays.combination,
        sigma_range=SIGMA_RANGE,
        blur_estimator=told and BlurEstimator.from_regressor(told),
        inverse_filter=True,
    )


def deblurrer_by_filter(n_channels=1, **params):
    """An estimator that is its filter alone: its layers add nothing.

    It must be told the blur.
    """
    shapes = [(1, 1, n_channels, 1), (1, 1, 1, 1), (1, 1, 1, n_channels)]
    return DBCNNDeblurrer.from_weights(
        [np.zeros(shape) for shape in shapes],
        [np.zeros(shape[-1]) for shape in shapes],
        sigma_range=SIGMA_RANGE,
        inverse_filter=True,
        **params,
    )
