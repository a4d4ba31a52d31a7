"""Kernels for networks of any size on the host, against the network in plain NumPy."""

import numpy as np
import pytest
from cuda_host import HostRuntime, differing_orders, in_all_orders
from quantised import TOLERANCES, Layers, largest_error

from pydbcnn._network import formula
from pydbcnn._network.network import Network
from pydbcnn._pixels.values import mirror
from pydbcnn.backends._cuda import bands as banding
from pydbcnn.backends._cuda import layers, outer_layers, training
from pydbcnn.backends._cuda.arrays import MIRROR, ZERO, Image, Region
from pydbcnn.backends._cuda.bands import bands
from pydbcnn.backends._cuda.chunks import map_bytes
from pydbcnn.backends.cuda import CudaBackend
from pydbcnn.backends.reference import ReferenceBackend

REFERENCE = ReferenceBackend()
PRECISIONS = ("float32", "tf32", "bfloat16")
# Channels in and out, filters, kernels: the common network, kernels of every kind,
# filters that fill no tile and more than one, many channels.
PLAIN = {
    "common": Network(1, 1),
    "small kernels behind": Network(3, 3, (1, 5), (3, 5, 1)),
    "single pixels": Network(4, 4, (5, 1), (1, 1, 1)),
    "more than a tile": Network(2, 3, (70, 20), (5, 3, 3), residual=False),
    "largest kernels": Network(1, 1, (4, 3), (15, 3, 15)),
    "many channels": Network(16, 16, (17, 70), (3, 1, 3)),
}
WITH_OUTER_LAYERS = {
    "filter": Network(3, 3, (5, 4), (3, 1, 3), filter_size=13),
    "largest filter": Network(4, 3, (5, 3), (3, 3, 3), False, filter_size=41),
    "back-projections": Network(
        1, 1, (6, 4), (3, 1, 3), n_back_projections=2, back_projection_sizes=(9, 5)
    ),
    "largest back-projection": Network(
        4, 4, (5, 3), (1, 1, 3), n_back_projections=1, back_projection_sizes=(25, 25)
    ),
    "combination": Network(4, 3, (5, 3), (3, 1, 3), False, combine=True),
    "everything": Network(
        3,
        3,
        (6, 4),
        (3, 3, 3),
        filter_size=11,
        n_back_projections=2,
        back_projection_sizes=(7, 3),
        combine=True,
    ),
}
NETWORKS = PLAIN | WITH_OUTER_LAYERS
SIZES = [(2, 13, 37), (1, 1, 1), (1, 1, 7), (1, 70, 2)]


def params_of(network, seed=0):
    """Parameters that make every part matter, and stay tame."""
    random_state = np.random.RandomState(seed)
    params = network.initial_params(random_state, np.float64)
    weights, biases = network.views(params)
    weights[-1][:] = random_state.normal(
        scale=weights[-1][..., 0].size ** -0.5, size=weights[-1].shape
    )
    kernels = [
        kernel for pair in network.back_projection_views(params) for kernel in pair
    ]
    if network.filter_size > 1:
        kernels.append(network.filter_view(params))
    for kernel in kernels:
        kernel += random_state.normal(scale=0.2 / kernel.size, size=kernel.shape)
    others = [*biases, *(network.combination_views(params) or ())]
    for values in others:
        values += random_state.normal(scale=0.1, size=values.shape)
    return params.astype(np.float32)


def some_images(network, size, seed=1):
    random_state = np.random.RandomState(seed)
    images = random_state.uniform(size=(*size, network.n_channels_in))
    return images.astype(np.float32)


def some_patches(network, n, height, width):
    """Patches with their context, and targets."""
    random_state = np.random.RandomState(2)
    around = [size + 2 * network.radius for size in (height, width)]
    patches = random_state.uniform(size=(n, *around, network.n_channels_in))
    targets = random_state.uniform(size=(n, height, width, network.n_channels_out))
    return patches.astype(np.float32), targets.astype(np.float32)


def maps_of(network):
    any_layers = layers.Layers(None, network, None, "float32")
    return training.maps_of(network, any_layers)


def layers_forward(runtime, network, params, images, precision, **budget):
    out = runtime.xp.empty((*images.shape[:3], network.n_channels_out), np.float32)
    engine = layers.Layers(runtime, network, runtime.to_device(params), precision)
    engine.estimate(
        Image(runtime.to_device(images)),
        Image(out),
        Region(len(images), 0, 0, *images.shape[1:3]),
        **budget,
    )
    return runtime.to_host(out)


def loss_and_gradient(runtime, network, params, patches, targets, precision, **budget):
    loss, gradient = training.loss_and_gradient(
        runtime,
        network,
        *(runtime.to_device(values) for values in (params, patches, targets)),
        precision,
        **budget,
    )
    return loss, runtime.to_host(gradient)


def with_context(images, radius):
    """Images with `radius` mirrored pixels on every side."""
    indices = [
        mirror(np.arange(-radius, size + radius), size) for size in images.shape[1:3]
    ]
    return images[:, indices[0]][:, :, indices[1]]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PLAIN)
def test_the_layers_are_those_of_the_reference(name, size):
    network = NETWORKS[name]
    params, images = params_of(network), some_images(network, size)
    output = layers_forward(HostRuntime(), network, params, images, "float32")
    exact = REFERENCE.forward(network, params, images, data_range=1.0)
    assert largest_error(output, exact) < TOLERANCES["float32"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", WITH_OUTER_LAYERS)
def test_whole_networks_are_those_of_the_reference(name, size):
    network = NETWORKS[name]
    params, images = params_of(network), some_images(network, size)
    backend = CudaBackend(runtime=HostRuntime())
    output = backend.forward(network, params, images, data_range=1.0)
    exact = REFERENCE.forward(network, params, images, data_range=1.0)
    assert largest_error(output, exact) < TOLERANCES["float32"]


@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
@pytest.mark.parametrize("name", PLAIN)
def test_products_are_of_rounded_factors(name, precision):
    network = NETWORKS[name]
    params, images = params_of(network), some_images(network, (1, 12, 17))
    output = layers_forward(HostRuntime(), network, params, images, precision)
    seen = with_context(images, network.radius)
    same_rounding = Layers(network, params, seen, precision).estimate
    exact = REFERENCE.forward(network, params, images, data_range=1.0)
    assert largest_error(output, exact) < TOLERANCES[precision]
    # A rectified sum may round to the other side now and then, which is as large an
    # error as rounding itself makes, but rare.
    rounding = np.sqrt(np.mean((same_rounding - exact) ** 2))
    assert np.sqrt(np.mean((output - same_rounding) ** 2)) < 0.2 * rounding


def test_as_many_filters_as_there_can_be():
    network = Network(1, 1, (4096, 2), (1, 1, 1))
    params, images = params_of(network), some_images(network, (1, 1, 2))
    output = layers_forward(HostRuntime(), network, params, images, "float32")
    exact = REFERENCE.forward(network, params, images, data_range=1.0)
    assert largest_error(output, exact) < 2 * TOLERANCES["float32"]


@pytest.mark.parametrize("name", ["small kernels behind", "everything"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_pixels_of_all_types_are_read_and_written(dtype, name):
    network = NETWORKS[name]
    params = params_of(network)
    data_range = 200.0
    images = np.random.RandomState(1).uniform(0, 255, (2, 9, 14, 3)).astype(dtype)
    backend = CudaBackend(runtime=HostRuntime())
    output = backend.forward(network, params, images, data_range=data_range)
    assert output.dtype == dtype
    exact = REFERENCE.forward(
        network, params, images.astype(float), data_range=data_range
    )
    if output.dtype.kind == "f":
        assert largest_error(output, exact) < TOLERANCES["float32"]
        return
    highest = np.iinfo(dtype).max
    assert (exact < 0).any()
    near_tie = np.abs(exact % 1 - 0.5) < 1e-3
    expected = np.clip(np.rint(exact), 0, highest)
    np.testing.assert_array_equal(output[~near_tie], expected[~near_tie])
    assert near_tie.mean() < 0.02


@pytest.mark.parametrize("precision", PRECISIONS)
def test_chunks_leave_no_trace(precision):
    network = NETWORKS["small kernels behind"]
    params, images = params_of(network), some_images(network, (3, 21, 30))
    runtime = HostRuntime()
    whole = layers_forward(runtime, network, params, images, precision)
    maps = [(3, 3), (3, 0), (1, 2), (5, 0)]
    for budget in (map_bytes(maps, 8, 9), 2 * map_bytes(maps, 21, 30)):
        cut = layers_forward(runtime, network, params, images, precision, budget=budget)
        assert whole.tobytes() == cut.tobytes()


def test_a_region_of_an_image_with_coordinates_of_its_own():
    network = NETWORKS["more than a tile"]
    params, images = params_of(network), some_images(network, (2, 25, 31))
    runtime = HostRuntime()
    whole = layers_forward(runtime, network, params, images, "float32")
    out = runtime.xp.zeros((2, 12, 20, 3), np.float32)
    region = Region(2, 9, 8, 8, 13)
    for part, image in (
        # All that the layers see is there: nothing is mirrored, nor copied.
        (images[:, 4:22, 3:27], dict(top=4, left=3)),
        (images[:, :22, 3:], dict(left=3)),
        (images[:, :, 1:].astype(float) * 2, dict(left=1, scale=2.0)),
    ):
        engine = layers.Layers(runtime, network, runtime.to_device(params), "float32")
        engine.estimate(
            Image(runtime.to_device(np.ascontiguousarray(part)), **image),
            Image(out, top=7, left=6),
            region,
        )
        inner = runtime.to_host(out)[:, 2:10, 2:15]
        np.testing.assert_array_equal(inner, whole[:, 9:17, 8:21])
        rest = runtime.to_host(out)
        rest[:, 2:10, 2:15] = 0
        assert not rest.any()


@pytest.mark.parametrize("side", [1, 3, 9, 25, 41])
@pytest.mark.parametrize("blend", ["ALONE", "ADDED", "SUBTRACTED"])
def test_correlation_of_channels(side, blend):
    runtime, random_state = HostRuntime(), np.random.RandomState(0)
    image = random_state.normal(size=(2, 40, 70, 2)).astype(np.float32)
    kernel = random_state.normal(size=(side, side)).astype(np.float32)
    out = runtime.xp.empty(image.shape, np.float32)
    device = Image(runtime.to_device(image), outside=ZERO)
    outer_layers.correlate_channels(
        runtime,
        device,
        Image(out),
        Region(2, 0, 0, 40, 70),
        runtime.to_device(kernel),
        base=device,
        blend=getattr(outer_layers, blend),
    )
    margin = side // 2
    padded = np.pad(image, ((0, 0), (margin,) * 2, (margin,) * 2, (0, 0)))
    expected = formula.correlate_channels(padded.astype(float), kernel)
    if blend != "ALONE":
        expected = image + expected if blend == "ADDED" else image - expected
    assert largest_error(runtime.to_host(out), expected) < 1e-6 * max(side, 5)


def test_the_filter_mirrors():
    runtime, random_state = HostRuntime(), np.random.RandomState(0)
    image = random_state.randint(256, size=(1, 9, 5, 3)).astype(np.uint8)
    kernel = random_state.normal(size=(7, 7)).astype(np.float32)
    output = outer_layers.filtered(
        runtime,
        runtime.to_device(kernel),
        Image(runtime.to_device(image), scale=255.0, outside=MIRROR),
        Region(1, -2, -3, 13, 11),
    )
    assert (output.top, output.left) == (-2, -3)
    seen = np.pad(image, ((0, 0), (5, 5), (6, 6), (0, 0)), mode="reflect") / 255
    expected = formula.correlate_channels(seen, kernel.astype(float))
    assert largest_error(runtime.to_host(output.array), expected) < 1e-6


@pytest.mark.parametrize("size", [(2, 9, 13), (1, 1, 1), (3, 40, 3)])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradient_is_that_of_the_reference(name, size):
    network = NETWORKS[name]
    params = params_of(network)
    patches, targets = some_patches(network, *size)
    loss, gradient = loss_and_gradient(
        HostRuntime(), network, params, patches, targets, "float32"
    )
    expected_loss, expected = REFERENCE.loss_and_gradient(
        network, params, patches, targets
    )
    assert not gradient[: network.n_filter_params].any()
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    rest = slice(network.n_filter_params, None)
    assert largest_error(gradient[rest], expected[rest]) < 1e-5


@pytest.mark.parametrize("name", PLAIN)
def test_gradient_in_tf32_is_of_rounded_factors(name):
    network = NETWORKS[name]
    params = params_of(network)
    patches, targets = some_patches(network, 2, 11, 12)
    loss, gradient = loss_and_gradient(
        HostRuntime(), network, params, patches, targets, "tf32"
    )
    run = Layers(network, params, patches, "tf32")
    delta = (run.estimate - targets) / targets.size
    assert loss == pytest.approx(np.mean((run.estimate - targets) ** 2) / 2, rel=1e-4)
    weights, biases = run.gradient(delta)
    found = [part for side in network.views(gradient) for part in side]
    for part, expected in zip(found, [*weights, *biases], strict=True):
        assert largest_error(part, expected) < 5e-4


@pytest.mark.parametrize("name", ["small kernels behind", "everything"])
@pytest.mark.parametrize("part", [(2, 8, 5), (1, 4, 3)])
def test_gradients_of_parts_are_added(name, part):
    network = NETWORKS[name]
    params = params_of(network)
    budget = part[0] * map_bytes(maps_of(network), *part[1:])
    batch = some_patches(network, 3, 8, 5)
    whole = loss_and_gradient(HostRuntime(), network, params, *batch, "float32")
    cut = loss_and_gradient(
        HostRuntime(), network, params, *batch, "float32", budget=budget
    )
    assert cut[0] == pytest.approx(whole[0], rel=1e-6)
    assert largest_error(cut[1], whole[1]) < 2e-6


def test_sums_over_many_pixels_and_tiles():
    """Pixels are split as often as they can be, and deltas come in as many tiles."""
    network = Network(1, 1, (2, 1), (3, 1, 1), n_back_projections=1)
    params = params_of(network)
    batch = some_patches(network, 2, 140, 150)
    _, gradient = loss_and_gradient(HostRuntime(), network, params, *batch, "float32")
    _, expected = REFERENCE.loss_and_gradient(network, params, *batch)
    assert largest_error(gradient, expected) < 1e-5


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", ["more than a tile", "everything"])
def test_forward_is_the_same_for_any_order_of_threads(name, precision):
    network = NETWORKS[name]
    params, images = params_of(network), some_images(network, (2, 9, 14))

    def compute(runtime):
        backend = CudaBackend(precision, runtime)
        return backend.forward(network, params, images, data_range=1.0)

    assert differing_orders(compute) == []


@pytest.mark.parametrize("precision", ["float32", "tf32"])
@pytest.mark.parametrize("name", ["more than a tile", "everything"])
def test_gradient_is_the_same_for_any_order_of_threads(name, precision):
    network = NETWORKS[name]
    params = params_of(network)
    batch = some_patches(network, 2, 7, 9)
    budget = map_bytes(maps_of(network), 7, 9)

    def compute(runtime):
        loss, gradient = loss_and_gradient(
            runtime, network, params, *batch, precision, budget=budget
        )
        return np.float64(loss), gradient

    assert differing_orders(compute) == []


@pytest.mark.parametrize("side", ["host", "device"])
def test_no_images_give_no_estimates(side):
    network = NETWORKS["common"]
    runtime = HostRuntime()
    images = np.zeros((0, 8, 9, 1), np.uint8)
    given = images if side == "host" else runtime.to_device(images)
    output = CudaBackend(runtime=runtime).forward(
        network, params_of(network), given, data_range=255.0
    )
    assert output.shape == images.shape
    assert output.dtype == images.dtype


@pytest.mark.parametrize("n_parts", [1, 7, 8, 300])
@pytest.mark.parametrize("n", [1, 32, 81])
def test_partial_sums_are_added_in_double_precision(n, n_parts):
    random_state = np.random.RandomState(0)
    partials = random_state.normal(size=(n_parts, n)).astype(np.float32)
    partials[0] += 1e6  # of single precision, the others would lose most digits
    start = random_state.normal(size=n).astype(np.float32)

    def added(runtime):
        gradient = runtime.to_device(start)
        layers.add_partials(runtime, runtime.to_device(partials), gradient)
        return runtime.to_host(gradient)

    exact = partials.sum(axis=0, dtype=np.float64).astype(np.float32)
    assert np.array_equal(in_all_orders(added), start + exact)


@pytest.mark.parametrize("name", ["everything", "fused"])
def test_bands_leave_no_trace(name, monkeypatch):
    network = {
        **NETWORKS,
        "fused": Network(1, 1, filter_size=7, n_back_projections=1, combine=True),
    }[name]
    params, images = params_of(network), some_images(network, (2, 29, 50))

    def forward():
        backend = CudaBackend(runtime=HostRuntime())
        return backend.forward(network, params, images, data_range=1.0)

    whole = forward()
    for limit, value in ("BUFFER_BYTES", 1), ("_WIDEST", 23), ("_LEAST", 11):
        monkeypatch.setattr(banding, limit, value)
    assert len(list(bands(network, *images.shape[:3]))) == 2 * 3 * 3
    assert np.array_equal(forward(), whole)


def test_estimates_go_into_arrays_of_the_host():
    network = Network(3, 3, (4, 3), (3, 1, 3))
    params = network.initial_params(np.random.RandomState(0))
    images = np.random.RandomState(1).uniform(size=(2, 10, 12, 3))
    backend = CudaBackend(runtime=HostRuntime())
    expected = backend.forward(network, params, images, data_range=1.0)
    wide = np.zeros((2, 10, 14, 3))
    for out in np.zeros_like(images), wide[:, :, 1:-1]:
        result = backend.forward(network, params, images, data_range=1.0, out=out)
        assert result is out
        np.testing.assert_array_equal(out, expected)
    assert not wide[:, :, [0, -1]].any()
