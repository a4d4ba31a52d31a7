"""The fused kernels on the host, against the network in plain NumPy."""

import numpy as np
import pytest
from cuda_host import HostKernelError, HostRuntime, differing_orders
from quantised import TOLERANCES, Layers, largest_error

from pydbcnn._network.network import Network
from pydbcnn.backends._cuda import fused, fused_kernels, packing
from pydbcnn.backends._cuda.arrays import ZERO, Image, Region
from pydbcnn.backends._cuda.fused import FusedLayers
from pydbcnn.backends.reference import ReferenceBackend, mirrored_tile

PRECISIONS = ("float32", "tf32", "bfloat16")
SIZES = [(2, 37, 70), (1, 1, 1), (1, 9, 61), (3, 5, 60), (1, 64, 3)]


def network_of(n_channels, residual=True):
    """A network whose estimate is as much detail as image, and its parameters."""
    network = Network(n_channels, n_channels, residual=residual)
    random_state = np.random.RandomState(0)
    params = network.initial_params(random_state)
    weights, biases = network.views(params)
    for bias in biases:
        bias[:] = 0.1 * random_state.normal(size=bias.shape)
    weights[2][:] *= 30 if residual else 1
    return network, params


def with_context(images, radius):
    """Images with `radius` mirrored pixels on every side."""
    whole = tuple(slice(0, size) for size in images.shape[1:3])
    return np.stack([mirrored_tile(image, whole, radius) for image in images])


def fused_forward(
    runtime, network, params, images, precision, *, scale=1.0, region=None
):
    """What the kernel makes of a region, in float32; there is NaN elsewhere."""
    layers = FusedLayers(runtime, network, runtime.to_device(params), precision)
    out = runtime.xp.empty(images.shape, np.float32)
    layers.estimate(
        Image(runtime.to_device(images), scale=scale),
        Image(out),
        region or Region(len(images), 0, 0, *images.shape[1:3]),
    )
    return runtime.to_host(out)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("n_channels", fused_kernels.CHANNELS)
@pytest.mark.parametrize("size", SIZES)
def test_forward_is_that_of_the_reference(size, n_channels, precision):
    network, params = network_of(n_channels)
    images = np.random.RandomState(1).uniform(size=(*size, n_channels))
    images = images.astype(np.float32)
    output = fused_forward(HostRuntime(), network, params, images, precision)
    seen = with_context(images, network.radius)
    same_rounding = Layers(network, params, seen, precision).estimate
    # A rectified sum may round to either side: one part in 2^8 or 2^11 of one map.
    assert largest_error(output, same_rounding) < (
        5e-6 if precision == "float32" else TOLERANCES[precision] / 20
    )
    exact = ReferenceBackend().forward(
        network, params, images.astype(float), data_range=1.0
    )
    assert largest_error(output, exact) < TOLERANCES[precision]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_forward_without_residual(precision):
    network, params = network_of(3, residual=False)
    images = np.random.RandomState(1).uniform(size=(1, 12, 20, 3)).astype(np.float32)
    output = fused_forward(HostRuntime(), network, params, images, precision)
    exact = ReferenceBackend().forward(network, params, images, data_range=1.0)
    assert largest_error(output, exact) < TOLERANCES[precision]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_pixels_of_all_types_are_read_and_written(dtype, precision):
    network, params = network_of(1)
    scale = 200.0 if dtype == np.uint8 else 1000.0
    images = np.random.RandomState(1).uniform(
        -20 if dtype == np.float32 else 0, 255, (1, 8, 70, 1)
    )
    images = images.astype(dtype)
    runtime = HostRuntime()
    layers = FusedLayers(runtime, network, runtime.to_device(params), precision)
    out = runtime.xp.empty(images.shape, dtype)
    region = Region(1, 0, 0, 8, 70)
    layers.estimate(
        Image(runtime.to_device(images), scale=scale),
        Image(out, scale=scale),
        region,
    )
    plain = fused_forward(runtime, network, params, images, precision, scale=scale)
    expected = plain * np.float32(scale)
    if dtype in (np.uint8, np.uint16):
        expected = np.clip(np.rint(expected), 0, np.iinfo(dtype).max)
        assert (expected == 0).any()  # the network is wild enough to leave the range
    assert np.array_equal(runtime.to_host(out), expected.astype(dtype))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("n_channels", fused_kernels.CHANNELS)
def test_forward_is_the_same_for_any_order_of_threads(n_channels, precision):
    network, params = network_of(n_channels)
    images = np.random.RandomState(1).uniform(size=(2, 11, 65, n_channels))

    def compute(runtime):
        return fused_forward(runtime, network, params, images, precision)

    assert differing_orders(compute) == []


@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
def test_tolerances_hold_with_sums_as_coarse_as_tensor_cores_may_take_them(precision):
    network, params = network_of(3)
    images = np.random.RandomState(1).uniform(size=(1, 16, 64, 3))
    output, rounded_less = (
        fused_forward(
            HostRuntime(truncated_sums=truncated), network, params, images, precision
        )
        for truncated in (True, False)
    )
    assert not np.array_equal(output, rounded_less)
    exact = ReferenceBackend().forward(network, params, images, data_range=1.0)
    assert largest_error(output, exact) < TOLERANCES[precision]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_parts_of_an_image_are_those_of_the_whole(precision):
    network, params = network_of(3)
    images = np.random.RandomState(1).uniform(size=(2, 45, 70, 3))
    runtime = HostRuntime()
    whole = fused_forward(runtime, network, params, images, precision)
    # Many processors cut the image into more segments.
    cut = fused_forward(
        HostRuntime(n_processors=100), network, params, images, precision
    )
    assert np.array_equal(whole, cut)
    part = fused_forward(
        runtime, network, params, images, precision, region=Region(1, 7, 13, 21, 40)
    )
    assert np.array_equal(part[:1, 7:28, 13:53], whole[:1, 7:28, 13:53])
    outside = np.ones(part.shape, bool)
    outside[:1, 7:28, 13:53] = False
    assert np.isnan(part[outside]).all()


def test_source_with_coordinates_of_its_own():
    network, params = network_of(1)
    images = np.random.RandomState(1).uniform(size=(1, 30, 40, 1))
    runtime = HostRuntime()
    whole = fused_forward(runtime, network, params, images, "float32")
    layers = FusedLayers(runtime, network, runtime.to_device(params), "float32")
    part = np.ascontiguousarray(images[:, 2:28, 3:37])
    out = runtime.xp.empty((1, 14, 22, 1), np.float32)
    layers.estimate(
        Image(runtime.to_device(part), top=2, left=3),
        Image(out, top=8, left=9),
        Region(1, 8, 9, 14, 22),
    )
    assert np.array_equal(runtime.to_host(out), whole[:, 8:22, 9:31])


def partial_gradients(runtime, network, params, inputs, delta):
    radius = network.radius
    layers = FusedLayers(runtime, network, runtime.to_device(params), "tf32")
    return runtime.to_host(
        layers.partial_gradients(
            Image(runtime.to_device(inputs), top=-radius, left=-radius),
            Image(runtime.to_device(delta), outside=ZERO),
            Region(*delta.shape[:1], 0, 0, *delta.shape[1:3]),
        )
    )


def random_batch(network, n, height, width):
    random_state = np.random.RandomState(2)
    inside, around = (
        (n, height + margin, width + margin, network.n_channels_in)
        for margin in (0, 2 * network.radius)
    )
    inputs = random_state.uniform(size=around).astype(np.float32)
    delta = random_state.normal(size=inside) / np.prod(inside)
    return inputs, delta.astype(np.float32)


@pytest.mark.parametrize("n_channels", fused_kernels.CHANNELS)
@pytest.mark.parametrize("size", [(2, 20, 30), (1, 1, 1), (3, 7, 9), (1, 29, 4)])
def test_gradient_is_that_of_the_reference(size, n_channels):
    network, params = network_of(n_channels)
    inputs, delta = random_batch(network, *size)
    partial = partial_gradients(HostRuntime(), network, params, inputs, delta)
    gradient = partial.sum(axis=0)
    assert gradient.shape == (network.n_params,)
    weights, biases = Layers(network, params, inputs, "tf32").gradient(delta)
    found = [part for side in network.views(gradient) for part in side]
    for part, expected in zip(found, [*weights, *biases], strict=True):
        assert largest_error(part, expected) < 2e-4


def test_gradient_is_the_same_for_any_order_of_threads():
    network, params = network_of(3)
    batch = random_batch(network, 2, 9, 21)

    def compute(runtime):
        return partial_gradients(runtime, network, params, *batch)

    assert differing_orders(compute) == []


def test_gradients_of_many_tiles_share_the_blocks(monkeypatch):
    network, params = network_of(1)
    inputs, delta = random_batch(network, 2, 20, 30)
    many = partial_gradients(HostRuntime(), network, params, inputs, delta)
    monkeypatch.setattr(fused, "MAX_GROUPS", 3)
    few = partial_gradients(HostRuntime(), network, params, inputs, delta)
    assert len(few) == 3 < len(many)
    assert largest_error(few.sum(axis=0), many.sum(axis=0)) < 1e-5


@pytest.mark.parametrize("n_channels", fused_kernels.CHANNELS)
@pytest.mark.parametrize("precision", [*PRECISIONS, "gradient"])
def test_shared_memory_is_as_much_as_kernels_use(monkeypatch, precision, n_channels):
    # Rows of maps end with up to 32 bytes that only keep the next one off its banks.
    name = {"float32": "_float32_bytes", "gradient": "_gradient_bytes"}
    name = name.get(precision, "_mma_bytes")
    right = getattr(fused_kernels, name)
    monkeypatch.setattr(fused_kernels, name, lambda *sizes: right(*sizes) - 48)
    network, params = network_of(n_channels)
    inputs, delta = random_batch(network, 1, 16, 64)
    with pytest.raises(HostKernelError, match="shared memory"):
        if precision == "gradient":
            partial_gradients(HostRuntime(), network, params, inputs, delta)
        else:
            fused_forward(HostRuntime(), network, params, inputs, precision)


def test_each_weight_is_packed_once_or_turned():
    network, _ = network_of(3)
    for fragments in (packing.TF32, packing.BFLOAT16):
        places = packing.mma_weights(network, fragments)
        used, times = np.unique(places[places >= 0], return_counts=True)
        assert (times == 1).all()
        assert np.array_equal(
            np.sort([*used, *packing.biases_in_order(network)]),
            np.arange(network.n_params),
        )
    places = packing.gradient_weights(network, packing.TF32)
    weights, _ = packing.places_of(network)
    used, times = np.unique(places[places >= 0], return_counts=True)
    assert set(used) == {place for weight in weights for place in weight.ravel()}
    assert (times[np.isin(used, weights[1])] == 2).all()
    assert (times[~np.isin(used, weights[1])] == 1).all()


@pytest.mark.parametrize(
    "options",
    [
        dict(n_filters=(32, 32)),
        dict(kernel_sizes=(9, 3, 5)),
        dict(n_channels_in=2, n_channels_out=2),
        dict(n_channels_in=1, n_channels_out=3, residual=False),
    ],
)
def test_which_networks_are_fused(options):
    sizes = dict(n_channels_in=3, n_channels_out=3)
    assert fused_kernels.is_fused(Network(**sizes))
    assert fused_kernels.is_fused(
        Network(**sizes, filter_size=25, n_back_projections=2)
    )
    assert not fused_kernels.is_fused(Network(**{**sizes, **options}))


@pytest.mark.parametrize("n_processors", [1, 132])
@pytest.mark.parametrize(
    "size", [(1, 1, 1), (3, 500, 61), (1, 4000, 6000), (1, 7, 10**9)]
)
def test_segments_cover_an_image(size, n_processors):
    region = Region(size[0], 0, 0, *size[1:])
    height = fused_kernels.segment_height(region, 5, n_processors)
    assert 1 <= height <= max(region.height, 32)
    segments = -(-region.height // height)
    assert (
        fused_kernels.n_blocks(region, height, 5)
        == size[0] * -(-size[2] // 60) * segments
    )
    assert (segments - 1) * height < region.height


def test_constants_are_on_the_device_before_any_stream_can_use_them():
    runtime, waits = HostRuntime(), []
    runtime.synchronize = lambda: waits.append(len(runtime._constants))
    network = Network(1, 1)
    for _ in range(2):
        biases = runtime.constant(packing.biases_in_order, network)
    assert biases is runtime.constant(packing.biases_in_order, network)
    assert waits == [0]
