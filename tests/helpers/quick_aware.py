"""Estimators that learn weights that depend on the blur, in a moment."""

from pydbcnn import BlurEstimator, DBCNNDeblurrer


def quick_aware(**params):
    """An estimator that depends on the blur; parameters replace those given here."""
    defaults = dict(
        n_filters=(4, 3),
        kernel_sizes=(3, 1, 3),
        n_basis_functions=2,
        inverse_filter=True,
        loss="log_squared_error",
        blur_estimator=BlurEstimator(
            hidden_layer_sizes=(4,), n_members=1, n_crops=0, max_iter=2
        ),
        patch_size=16,
        batch_size=16,
        learning_rate="cosine",
        max_iter=2,
        random_state=0,
    )
    return DBCNNDeblurrer(**defaults | params)


def bits(model):
    """All that a model has learned."""
    arrays = model._params().tobytes()
    estimator = model.blur_estimator_
    if estimator is None:
        return arrays
    tensors = estimator.regressor_.tensors()
    return arrays + b"".join(tensors[name].tobytes() for name in sorted(tensors))


def from_weights(model, **params):
    """The same weights in an estimator that was not fitted."""
    keep = dict(sigma_range=model.sigma_range_, inverse_filter=model.inverse_filter)
    return DBCNNDeblurrer.from_weights(model.coefs_, model.intercepts_, **keep | params)
