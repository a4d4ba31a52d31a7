"""Estimators that learn in a moment, and what they have learned."""

from pydbcnn import DBCNNDeblurrer


def weights_of(deblurrer):
    """All weights and biases that an estimator has learned, as bytes."""
    return b"".join(a.tobytes() for a in deblurrer.coefs_ + deblurrer.intercepts_)


def quick(**params):
    """An estimator; parameters replace those given here."""
    defaults = dict(
        n_filters=(6, 4),
        kernel_sizes=(5, 1, 3),
        patch_size=16,
        batch_size=4,
        learning_rate="cosine",
        max_iter=2,
        random_state=0,
    )
    return DBCNNDeblurrer(**defaults | params)
