"""What only a GPU can show: that kernels do there what they do on the host.

These tests are skipped where there is no GPU, and then the summary says why. All but
timing and the rounding of tensor cores is tested without one, in the other files of
this folder.
"""

import numpy as np
import pytest
from quantised import TOLERANCES, largest_error

from pydbcnn import DBCNNDeblurrer, GaussianBlurTransformer
from pydbcnn._network.network import Network
from pydbcnn.backends.cpu import CpuBackend
from pydbcnn.backends.cuda import CudaBackend
from pydbcnn.backends.reference import ReferenceBackend

pytestmark = pytest.mark.gpu

NETWORKS = {
    "grey": Network(1, 1),
    "colour": Network(3, 3),
    "everything": Network(
        3, 3, filter_size=25, n_back_projections=2, combine=True, residual=True
    ),
    "other sizes": Network(2, 3, (7, 5), (5, 3, 3), residual=False),
}


@pytest.fixture(name="cupy")
def import_cupy():
    import cupy

    return cupy


def some_params(network):
    random_state = np.random.RandomState(0)
    params = network.initial_params(random_state)
    return params + 0.01 * random_state.normal(size=params.size).astype(np.float32)


@pytest.mark.parametrize("precision", TOLERANCES)
@pytest.mark.parametrize("name", NETWORKS)
def test_estimates_are_those_of_the_reference(cupy, name, precision):
    network = NETWORKS[name]
    params = some_params(network)
    images = np.random.RandomState(1).uniform(size=(2, 67, 130, network.n_channels_in))
    backend = CudaBackend(precision)
    output = backend.forward(network, params, cupy.asarray(images), data_range=1.0)
    assert isinstance(output, cupy.ndarray)
    exact = ReferenceBackend().forward(network, params, images, data_range=1.0)
    assert largest_error(output.get(), exact) < TOLERANCES[precision]
    again = backend.forward(network, params, images, data_range=1.0)
    assert isinstance(again, np.ndarray)
    assert np.array_equal(again, output.get())


@pytest.mark.parametrize("precision", TOLERANCES)
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_the_cpu(cupy, name, precision):
    network = NETWORKS[name]
    params = some_params(network)
    random_state = np.random.RandomState(1)
    targets = random_state.uniform(size=(3, 21, 33, network.n_channels_out))
    around = 2 * network.radius
    shape = 3, 21 + around, 33 + around, network.n_channels_in
    batch = [
        side.astype(np.float32) for side in (random_state.uniform(size=shape), targets)
    ]
    backend = CudaBackend(precision)
    loss, gradient = backend.loss_and_gradient(network, params, *batch)
    expected_loss, expected = CpuBackend().loss_and_gradient(network, params, *batch)
    # With tf32, rectified sums next to zero fall on the other side.
    assert largest_error(gradient.get(), expected) < (
        1e-4 if precision == "float32" else 5e-2
    )
    assert loss == pytest.approx(expected_loss, rel=1e-2)
    again = backend.loss_and_gradient(network, params, *batch)[1]
    assert np.array_equal(again.get(), gradient.get())


def test_device_memory_beside_input_and_output_is_bounded(cupy):
    network = NETWORKS["colour"]
    backend = CudaBackend()
    image = cupy.zeros((1, 4000, 6000, 3), np.uint8)
    pool = cupy.get_default_memory_pool()
    backend.forward(network, some_params(network), image[:, :64], data_range=255.0)
    pool.free_all_blocks()
    before = pool.total_bytes()
    output = backend.forward(network, some_params(network), image, data_range=255.0)
    assert pool.total_bytes() - before - output.nbytes < 64 * 2**20


def test_fit_and_predict_on_the_device(cupy, sharp, blurred):
    how = dict(
        kernel_sizes=(5, 1, 3),
        patch_size=16,
        batch_size=4,
        learning_rate="cosine",
        max_iter=3,
        random_state=0,
    )
    on_cpu = DBCNNDeblurrer(**how, device="cpu").fit(blurred, sharp)
    on_gpu = DBCNNDeblurrer(**how, device="cuda").fit(blurred, sharp)
    again = DBCNNDeblurrer(**how, device="cuda").fit(
        cupy.asarray(blurred), cupy.asarray(sharp)
    )
    for ours, twice in zip(on_gpu.coefs_, again.coefs_, strict=True):
        assert isinstance(ours, np.ndarray)
        assert np.array_equal(ours, twice)
    # Adam makes steps of one size of gradients of any size, and so of rounding.
    assert on_gpu.loss_curve_ == pytest.approx(on_cpu.loss_curve_, rel=1e-3)
    estimate = on_gpu.predict(cupy.asarray(blurred))
    assert isinstance(estimate, cupy.ndarray)
    assert np.array_equal(estimate.get(), on_gpu.predict(blurred))


def test_tensors_of_torch_are_taken(cupy, blurred):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    if not torch.cuda.is_available():
        pytest.skip("this torch was built for the CPU")
    model = DBCNNDeblurrer.from_pretrained("mild").set_params(device="cuda")
    estimate = model.predict(torch.asarray(blurred, device="cuda"))
    assert isinstance(estimate, cupy.ndarray)
    assert np.array_equal(estimate.get(), model.predict(blurred))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_blur_is_that_of_opencv(cupy, sharp, dtype):
    images = sharp.astype(dtype)
    on_gpu = GaussianBlurTransformer(1.6, device="cuda").transform(cupy.asarray(images))
    on_cpu = GaussianBlurTransformer(1.6).transform(images)
    np.testing.assert_allclose(on_gpu.get(), on_cpu, rtol=0, atol=1e-3)
