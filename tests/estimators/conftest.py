"""Images whose blurs differ, and an estimator that has learned from them."""

import numpy as np
import pytest
from quick_aware import quick_aware

from pydbcnn import GaussianBlurTransformer


@pytest.fixture(scope="session")
def soft(sharp):
    """The six sharp images, each with a blur of its own, from 0.6 to 1.6."""
    return np.stack(
        [
            GaussianBlurTransformer(sigma).transform(image[np.newaxis])[0]
            for sigma, image in zip(np.linspace(0.6, 1.6, 6), sharp, strict=True)
        ]
    )


@pytest.fixture(scope="session")
def aware(soft, sharp):
    """A fitted estimator that depends on the blur; tests do not change it."""
    return quick_aware(sigma_noise=0.05).fit(soft, sharp)
