"""Estimators on the GPU engine, whose kernels run on the host, do as on the CPU."""

import pickle
import sys
import weakref

import numpy as np
import pytest
from cuda_host import HostRuntime
from quantised import TOLERANCES

import pydbcnn
from pydbcnn import BlurEstimator, DBCNNDeblurrer, GaussianBlurTransformer
from pydbcnn._network.network import Network
from pydbcnn.backends._cuda import chain, outer_layers
from pydbcnn.backends._cuda.bands import n_buffers
from pydbcnn.backends.cpu import CpuBackend
from pydbcnn.backends.cuda import CudaBackend

SMALL = dict(n_filters=(4, 3), kernel_sizes=(3, 1, 3))
FORMS = {
    "the default network": dict(max_iter=1),
    "another network": SMALL,
    "held out": SMALL | dict(early_stopping=True, validation_fraction=0.3),
    "stochastic gradient descent": SMALL | dict(solver="sgd", alpha=0.1),
    "blur-aware": SMALL
    | dict(
        n_basis_functions=2,
        inverse_filter=True,
        loss="log_squared_error",
        n_back_projections=1,
        combine=True,
        blur_estimator=BlurEstimator(n_members=1, max_iter=2, random_state=0),
    ),
}


@pytest.fixture(scope="module")
def runtime():
    return HostRuntime()


@pytest.fixture
def xp(runtime, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", runtime.xp)
    monkeypatch.setattr(
        pydbcnn.backends,
        "_cuda_backend",
        lambda precision: CudaBackend(precision, runtime),
    )
    return runtime.xp


@pytest.fixture(scope="module")
def pairs():
    """Four blurred and sharp colour images, 24 x 28 pixels."""
    sharp = np.random.RandomState(0).uniform(size=(4, 24, 28, 3)).astype(np.float32)
    sharp = GaussianBlurTransformer(0.7).transform(sharp)
    return GaussianBlurTransformer(1.2).transform(sharp), sharp


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
@pytest.mark.parametrize("name", FORMS)
def test_all_that_an_estimator_does(xp, pairs, name, precision):
    common = dict(patch_size=12, batch_size=4, max_iter=2, learning_rate="cosine")
    here = DBCNNDeblurrer(**common | FORMS[name], random_state=0, device="cpu")
    there = DBCNNDeblurrer(**here.get_params(deep=False))
    there.set_params(device="cuda", precision=precision)
    on_device = [xp.asarray(side) for side in pairs]
    here.fit(*pairs)
    there.fit(*on_device)
    tolerance = TOLERANCES[precision]
    np.testing.assert_allclose(there.loss_curve_, here.loss_curve_, rtol=tolerance)
    # The weights of one on the other, so that only the arithmetic differs.
    there = pickle.loads(pickle.dumps(there))
    here = pickle.loads(pickle.dumps(there)).set_params(
        device="cpu", precision="float32"
    )
    expected = here.predict(pairs[0])
    estimate = there.predict(on_device[0])
    assert isinstance(estimate, xp.ndarray)
    assert np.abs(estimate.get() - expected).max() < tolerance * expected.max()
    np.testing.assert_array_equal(there.predict(pairs[0]), estimate.get())
    assert there.score(*on_device) == pytest.approx(here.score(*pairs), rel=tolerance)
    if not here.early_stopping:
        losses = [
            model.partial_fit(*arrays).loss_curve_[-1]
            for model, arrays in ((here, pairs), (there, on_device))
        ]
        assert losses[0] == pytest.approx(losses[1], rel=tolerance)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_blur_that_varies(xp, pairs, dtype):
    X = pairs[0] if dtype == np.float32 else (pairs[0] * 255).astype(dtype)
    model = DBCNNDeblurrer.from_pretrained("mild").set_params(device="cpu")
    sigma = [np.array([[0.2, 1.0], [2.0, 0.7]])]
    expected = model.predict(X[:1], sigma).astype(float)
    model.set_params(device="cuda")
    estimate = model.predict(xp.asarray(X[:1]), sigma).get()
    most = 1 if dtype == np.uint8 else 2e-5
    assert np.abs(estimate - expected).max() <= most


def test_no_more_buffers_are_alive_than_bands_count_on(runtime, monkeypatch):
    """Between two steps, and while one works; each image made belongs to the chain."""
    network = Network(1, 1, (4, 3), (3, 1, 3), n_back_projections=3, combine=True)
    made, most = [], []

    def watched(real):
        def new_image(*args, **kwargs):
            image = real(*args, **kwargs)
            made.append(weakref.ref(image))
            most.append(sum(reference() is not None for reference in made))
            return image

        return new_image

    for module in (chain, outer_layers):
        monkeypatch.setattr(module, "new_image", watched(module.new_image))
    params = network.initial_params(np.random.RandomState(0))
    images = np.random.RandomState(1).uniform(size=(1, 20, 24, 1)).astype(np.float32)
    backend = CudaBackend("float32", runtime)
    expected = CpuBackend().forward(network, params, images, data_range=1.0)
    result = backend.forward(network, params, images, data_range=1.0)
    np.testing.assert_allclose(result, expected, atol=1e-5)
    assert max(most) == n_buffers(network)
