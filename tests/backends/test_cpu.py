"""The network's arithmetic against SciPy, finite differences and itself."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import correlate

from pydbcnn._network.network import Network, unfold
from pydbcnn._restoration import onnx as _onnx
from pydbcnn.backends import DeviceUnavailableError, available_devices, get_backend
from pydbcnn.backends._cuda import device
from pydbcnn.backends.cpu import CpuBackend, available_isas
from pydbcnn.backends.reference import ReferenceBackend, mirror
from pydbcnn.backends.reference import correlate as reference_correlate

ISAS = available_isas()
BFLOAT16_ISAS = [isa for isa in ISAS if isa in {"avx512_bf16", "amx"}]
REFERENCE = ReferenceBackend()

# Channels in and out, filters, kernels: the common network, and what is odd about
# others: filters that fill no vector, wide middle kernels, single pixels, many
# channels, the largest kernels.
NETWORKS = {
    "common grey": (1, 1, (64, 32), (9, 1, 5)),
    "common colour": (3, 3, (64, 32), (9, 1, 5)),
    "wide middle": (3, 3, (32, 32), (5, 5, 3)),
    "odd filters": (2, 2, (5, 3), (3, 5, 7)),
    "one filter": (1, 1, (1, 1), (3, 1, 3)),
    "single pixels": (4, 4, (20, 40), (1, 1, 1)),
    "in more than out": (4, 3, (17, 33), (3, 1, 5)),
    "many channels": (16, 16, (24, 16), (3, 1, 3)),
    "many filters": (3, 3, (128, 100), (3, 1, 3)),
    "large kernels": (1, 1, (8, 4), (15, 3, 15)),
    "grey, wide middle": (1, 1, (64, 32), (9, 5, 5)),
    "every kernel padded": (1, 1, (20, 12), (11, 7, 5)),
}
# What surrounds the three layers; these are small.
SURROUNDED = {
    "small filter": Network(1, 1, (8, 4), (3, 1, 3), filter_size=3),
    "filter, colour": Network(3, 3, (16, 8), (9, 1, 5), filter_size=13),
    "largest filter": Network(4, 3, (5, 3), (3, 3, 3), False, filter_size=41),
    "filter, no residual": Network(2, 2, (6, 4), (5, 1, 3), False, filter_size=9),
    "back-projection": Network(1, 1, (16, 8), (9, 1, 5), n_back_projections=1),
    "back-projections": Network(
        3,
        3,
        (6, 4),
        (3, 1, 3),
        residual=False,
        n_back_projections=2,
        back_projection_sizes=(9, 5),
    ),
    "small kernels": Network(
        2,
        2,
        (4, 4),
        (3, 1, 1),
        n_back_projections=4,
        back_projection_sizes=(3, 1),
    ),
    "large kernels behind": Network(
        4,
        4,
        (5, 3),
        (1, 1, 3),
        n_back_projections=1,
        back_projection_sizes=(25, 25),
    ),
    "combination": Network(1, 1, (8, 4), (5, 1, 3), combine=True),
    "combination, in more than out": Network(
        4, 3, (5, 3), (3, 1, 3), False, combine=True
    ),
    "everything": Network(
        3,
        3,
        (16, 8),
        (9, 1, 5),
        filter_size=11,
        n_back_projections=2,
        back_projection_sizes=(7, 3),
        combine=True,
    ),
}


@pytest.fixture(params=[*NETWORKS, *SURROUNDED], name="case")
def make_case(request):
    """A network and parameters that make every layer matter."""
    if request.param in SURROUNDED:
        network = SURROUNDED[request.param]
    else:
        n_in, n_out, n_filters, kernel_sizes = NETWORKS[request.param]
        network = Network(n_in, n_out, n_filters, kernel_sizes, residual=n_in == n_out)
    return network, random_params(network)


def random_params(network, seed=0):
    random_state = np.random.RandomState(seed)
    params = network.initial_params(random_state, np.float64)
    surround(network, params, random_state)
    weights, biases = network.views(params)
    weights[-1][:] = random_state.normal(
        scale=np.sqrt(1 / weights[-1][..., 0].size), size=weights[-1].shape
    )
    for bias in biases:
        bias[:] = random_state.normal(scale=0.1, size=bias.shape)
    return params


def surround(network, params, random_state):
    """Kernels that do more than those at the start of training, and stay tame."""
    kernels = [
        kernel for pair in network.back_projection_views(params) for kernel in pair
    ]
    if network.filter_size > 1:
        kernels.append(network.filter_view(params))
    for kernel in kernels:
        kernel += random_state.normal(scale=0.3 / len(kernel), size=kernel.shape)
    for part in network.combination_views(params) or ():
        part += random_state.normal(scale=0.3, size=part.shape)


def mirror_by(image, margin):
    return np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="reflect")


def of_each_channel(image, kernel):
    return correlate(image, kernel[..., np.newaxis], mode="valid")


def inside(image, like):
    margin = (len(image) - len(like)) // 2
    return image[margin : margin + like.shape[0], margin : margin + like.shape[1]]


def filtered(network, params, image):
    """The whole kernel by its definition, from the quadrant."""
    if network.filter_size == 1:
        return image
    at = np.abs(np.arange(network.filter_size) - network.filter_size // 2)
    return of_each_channel(image, network.filter_view(params)[np.ix_(at, at)])


def after_the_layers(network, params, image, estimate):
    """Back-projections and the combination, of an image with its context."""
    for blur, projection in network.back_projection_views(params):
        blurred = of_each_channel(estimate, blur)
        change = of_each_channel(inside(image, blurred) - blurred, projection)
        estimate = inside(estimate, change) + change
    if not network.combine:
        return estimate
    of_input, of_estimate, bias = network.combination_views(params)
    return inside(image, estimate) @ of_input + estimate @ of_estimate + bias


def scipy_forward(network, params, image):
    """The paper's formulas with SciPy's correlation, on a mirrored image."""
    weights, biases = network.views(params)
    image = mirror_by(image, network.radius)
    start = maps = filtered(network, params, image)
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        maps = np.stack(
            [
                correlate(maps, weight[..., o], mode="valid")[..., 0] + bias[o]
                for o in range(weight.shape[3])
            ],
            axis=-1,
        )
        if layer < len(weights) - 1:
            maps = np.maximum(maps, 0)
    if network.residual:
        maps += inside(start, maps)
    return after_the_layers(network, params, image, maps)


def patches_for(network, n=3, height=9, width=13, seed=0):
    random_state = np.random.RandomState(seed)
    margin = 2 * network.radius
    patches = random_state.uniform(
        size=(n, height + margin, width + margin, network.n_channels_in)
    )
    targets = random_state.uniform(size=(n, height, width, network.n_channels_out))
    return patches, targets


def away_from_kinks(network, params, size):
    """Single-precision values for which no rectifier is so near its kink that a
    rounding error decides on which side: there the gradient jumps."""
    params = params.astype(np.float32).astype(float)
    weights, biases = network.views(params)
    for seed in range(100):
        patches, targets = (
            values.astype(np.float32).astype(float)
            for values in patches_for(network, 3, *size, seed=seed)
        )
        maps, nearest = (
            np.stack([filtered(network, params, p) for p in patches]),
            np.inf,
        )
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            linear = reference_correlate(maps, weight) + bias
            nearest = min(nearest, np.abs(linear).min())
            maps = np.maximum(linear, 0)
        if nearest > 1e-6:
            return params, patches, targets
    raise AssertionError("no such patches")


def test_reference_forward_is_the_papers_formula(case):
    network, params = case
    image = np.random.RandomState(1).uniform(size=(37, 41, network.n_channels_in))
    output = REFERENCE.forward(network, params, image[np.newaxis], data_range=1.0)[0]
    np.testing.assert_allclose(
        output, scipy_forward(network, params, image), rtol=0, atol=1e-12
    )


def test_reference_gradient_is_the_slope_of_its_loss(case):
    """Central differences along random directions, in double precision."""
    network, params = case
    patches, targets = patches_for(network, n=2, height=4, width=5)
    loss, gradient = REFERENCE.loss_and_gradient(network, params, patches, targets)
    assert loss > 0
    step = 1e-6
    for seed in range(3):
        direction = np.random.RandomState(seed).normal(size=params.size)
        direction[: network.n_filter_params] = 0  # the filter is fixed
        direction /= np.linalg.norm(direction)
        ahead, behind = (
            REFERENCE.loss_and_gradient(
                network, params + s * direction, patches, targets
            )[0]
            for s in (step, -step)
        )
        slope = (ahead - behind) / (2 * step)
        assert slope == pytest.approx(gradient @ direction, rel=1e-5, abs=1e-9)
    assert not gradient[: network.n_filter_params].any()


def test_reference_gradient_of_each_parameter():
    network = Network(2, 2, (3, 2), (3, 1, 3))
    params = random_params(network)
    patches, targets = patches_for(network, n=2, height=3, width=4)
    _, gradient = REFERENCE.loss_and_gradient(network, params, patches, targets)
    step = 1e-6
    for index in range(params.size):
        losses = []
        for sign in (1, -1):
            moved = params.copy()
            moved[index] += sign * step
            losses.append(
                REFERENCE.loss_and_gradient(network, moved, patches, targets)[0]
            )
        slope = (losses[0] - losses[1]) / (2 * step)
        assert gradient[index] == pytest.approx(slope, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "transformed"])
@pytest.mark.parametrize("isa", ISAS)
def test_cpu_forward_equals_the_reference(case, isa, direct):
    network, params = case
    images = np.random.RandomState(1).uniform(size=(2, 33, 47, network.n_channels_in))
    expected = REFERENCE.forward(network, params, images, data_range=1.0)
    output = CpuBackend(isa, direct=direct).forward(
        network, params, images.astype(np.float32), data_range=1.0
    )
    assert output.dtype == np.float32
    tolerance = (1e-5 if direct else 1e-4) * np.ptp(expected)
    np.testing.assert_allclose(output, expected, rtol=0, atol=tolerance)


def rounded_to_bfloat16(values):
    """Nearest numbers with 8 significant bits, ties to even: through frexp."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.rint(mantissa * 256) / 256, exponent)


def bfloat16_forward(network, params, image):
    """What the bfloat16 engine is to compute, in double precision: inputs, weights and
    maps are rounded, sums are not."""
    weights, biases = network.views(params.copy())
    image = mirror_by(image, network.radius)
    start = filtered(network, params, image)
    maps = start * 255 - 128
    biases[0][:] += weights[0].sum(axis=(0, 1, 2)) * (128 / 255)
    weights[0][:] /= 255
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        maps = reference_correlate(
            rounded_to_bfloat16(maps)[np.newaxis], rounded_to_bfloat16(weight)
        )[0]
        maps += bias
        if layer < len(weights) - 1:
            maps = np.maximum(maps, 0)
    if network.residual:
        maps += inside(start, maps)
    return after_the_layers(network, params, image, maps)


@pytest.mark.parametrize("isa", BFLOAT16_ISAS)
def test_bfloat16_is_the_formula_with_rounding(case, isa):
    """Sums in single precision may fall to the other side of a tie: the tolerance is a
    tenth of what rounding itself does."""
    network, params = case
    images = np.random.RandomState(1).randint(
        256, size=(2, 33, 47, network.n_channels_in)
    )
    images = images / 255
    output = CpuBackend(isa, "bfloat16").forward(
        network, params, images.astype(np.float32), data_range=1.0
    )
    exact = REFERENCE.forward(network, params, images, data_range=1.0)
    for image, result, unrounded in zip(images, output, exact, strict=True):
        expected = bfloat16_forward(network, params, image)
        rounding = np.sqrt(np.mean((expected - unrounded) ** 2))
        assert rounding < 10 ** (-50 / 20) * np.ptp(unrounded)
        error = np.sqrt(np.mean((result - expected) ** 2))
        assert error < 0.1 * rounding


def test_a_precision_that_the_processor_lacks():
    for isa in ISAS:
        if isa not in BFLOAT16_ISAS:
            with pytest.raises(
                ValueError, match=rf"needs .*avx512_bf16 or amx.*'{isa}'.*float32"
            ):
                CpuBackend(isa, "bfloat16")
    with pytest.raises(ValueError, match=r"'float16': expected one of float32, tf32"):
        get_backend("cpu", "float16")


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "transformed"])
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("size", [(9, 13), (1, 1), (1, 30), (70, 3)])
def test_cpu_gradient_equals_the_reference(case, isa, size, direct):
    network, params = case
    params, patches, targets = away_from_kinks(network, params, size)
    loss, gradient = REFERENCE.loss_and_gradient(network, params, patches, targets)
    cpu_loss, cpu_gradient = CpuBackend(isa, direct=direct).loss_and_gradient(
        network, params, patches, targets
    )
    assert cpu_loss == pytest.approx(loss, rel=1e-5)
    np.testing.assert_allclose(
        cpu_gradient, gradient, rtol=0, atol=1e-5 * np.abs(gradient).max()
    )


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (2, 3), (12, 130)])
def test_images_smaller_than_the_radius(isa, size):
    """Mirrored as often as it takes, like np.pad."""
    network = Network(1, 1, (8, 4), (9, 1, 5))
    params = random_params(network)
    image = np.random.RandomState(0).uniform(size=(*size, 1))
    output = CpuBackend(isa).forward(network, params, image[np.newaxis], data_range=1.0)
    np.testing.assert_allclose(
        output[0], scipy_forward(network, params, image), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("size", range(1, 6))
def test_mirror_is_numpys_reflect(size):
    positions = np.arange(-13, size + 13)
    expected = np.pad(np.arange(size), 13, mode="reflect")
    np.testing.assert_array_equal(mirror(positions, size), expected)


MODES = [(isa, "float32") for isa in ISAS] + [
    (isa, "bfloat16") for isa in BFLOAT16_ISAS
]


@pytest.mark.parametrize(("isa", "precision"), MODES)
@pytest.mark.parametrize("tile", [(7, 11), (16, 16), (1, 64), (64, 1), (20, 36)])
def test_tiles_leave_no_trace(case, isa, precision, tile):
    network, params = case
    backend = CpuBackend(isa, precision)
    images = np.random.RandomState(1).uniform(size=(2, 33, 47, network.n_channels_in))
    images = images.astype(np.float32)
    whole, tiled = (
        backend.forward(network, params, images, data_range=1.0, tile=size)
        for size in ((33, 47), tile)
    )
    assert whole.tobytes() == tiled.tobytes()


def test_reference_tiles_leave_no_trace(monkeypatch):
    network = Network(3, 3, (6, 4), (5, 1, 3))
    params = random_params(network)
    images = np.random.RandomState(1).uniform(size=(1, 33, 47, 3))
    whole = REFERENCE.forward(network, params, images, data_range=1.0)
    monkeypatch.setattr("pydbcnn.backends.reference._TILE", 10)
    tiled = REFERENCE.forward(network, params, images, data_range=1.0)
    assert whole.tobytes() == tiled.tobytes()


def test_bands_leave_no_trace_and_are_reported(monkeypatch):
    network = Network(3, 3, (6, 4), (5, 1, 3))
    params = random_params(network)
    images = np.random.RandomState(1).uniform(size=(2, 200, 20, 3)).astype(np.float32)
    whole = CpuBackend().forward(network, params, images, data_range=1.0)
    monkeypatch.setattr("pydbcnn.backends.cpu._BAND_PIXELS", 1)
    done = []
    banded = CpuBackend().forward(
        network, params, images, data_range=1.0, tile=(30, 20), on_pixels=done.append
    )
    assert whole.tobytes() == banded.tobytes()
    assert len(done) == 2 * 7
    assert sum(done) == 2 * 200 * 20


@pytest.mark.parametrize(("isa", "precision"), MODES)
def test_an_image_does_not_depend_on_its_batch(isa, precision):
    network = Network(3, 3)
    params = random_params(network)
    images = np.random.RandomState(1).uniform(size=(5, 20, 30, 3)).astype(np.float32)
    backend = CpuBackend(isa, precision)
    together = backend.forward(network, params, images, data_range=1.0)
    for image, expected in zip(images, together, strict=True):
        alone = backend.forward(network, params, image[np.newaxis], data_range=1.0)[0]
        assert alone.tobytes() == expected.tobytes()


@pytest.mark.parametrize(("isa", "precision"), MODES)
def test_threads_leave_no_trace(monkeypatch, isa, precision):
    network = Network(3, 3)
    params = random_params(network)
    images = np.random.RandomState(1).uniform(size=(2, 150, 140, 3)).astype(np.float32)
    patches, targets = patches_for(network, n=20, height=24, width=24)
    results = []
    for n_threads in (1, 2, 5):
        monkeypatch.setattr("pydbcnn.backends.cpu.thread_count", lambda n=n_threads: n)
        backend = CpuBackend(isa, precision)
        loss, gradient = backend.loss_and_gradient(network, params, patches, targets)
        output = backend.forward(network, params, images, data_range=1.0)
        results.append((loss, gradient.tobytes(), output.tobytes()))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize(
    "precision", ["float32", *(["bfloat16"] if BFLOAT16_ISAS else [])]
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_types_and_ranges(dtype, precision):
    network = Network(3, 3)
    params = random_params(network)
    unit = np.random.RandomState(1).uniform(size=(1, 20, 30, 3))
    highest = {"uint8": 255, "uint16": 65535}.get(dtype, 1.0)
    images = (unit * highest).astype(dtype)
    expected = REFERENCE.forward(network, params, images / highest, data_range=1.0)
    backends = (CpuBackend(precision=precision), REFERENCE)
    for backend in backends:
        output = backend.forward(network, params, images, data_range=highest)
        assert output.dtype == dtype
        # Half a step of rounding, and what the precision makes of it.
        error = 1e-5 if precision == "float32" else 0.02
        tolerance = 0.5 + highest * error if images.dtype.kind == "u" else error
        np.testing.assert_allclose(
            output,
            np.clip(expected * highest, *_limits(dtype, highest)),
            rtol=0,
            atol=tolerance,
        )


def _limits(dtype, highest):
    return (0, highest) if dtype.startswith("u") else (-np.inf, np.inf)


def test_integers_are_clipped_and_floats_are_not():
    network = Network(1, 1, (1, 1), (1, 1, 1))
    params = np.array([0, 0, 0, 0, 0, 0.5])  # adds a half to the input
    bright = np.array([[[[200], [100]]]], np.uint8)
    output = CpuBackend().forward(network, params, bright, data_range=255.0)
    assert output.ravel().tolist() == [255, 228]  # 227.5 rounds to even
    output = CpuBackend().forward(network, params, bright / 255, data_range=1.0)
    assert output.ravel() == pytest.approx([200 / 255 + 0.5, 100 / 255 + 0.5])


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[:, ::-1],
        lambda x: x[:, :, ::2],
        lambda x: x[..., ::-1],
        np.asfortranarray,
        lambda x: x.swapaxes(1, 2),
        lambda x: np.broadcast_to(x[..., :1], x.shape),
    ],
    ids=["flipped", "stepped", "channels", "fortran", "swapped", "broadcast"],
)
def test_views_are_read_in_place(view):
    network = Network(3, 3, (6, 4), (5, 1, 3))
    params = random_params(network)
    images = np.random.RandomState(1).uniform(size=(2, 20, 30, 3)).astype(np.float32)
    images.setflags(write=False)
    viewed = view(images)
    output = CpuBackend().forward(network, params, viewed, data_range=1.0)
    copied = CpuBackend().forward(
        network, params, np.ascontiguousarray(viewed), data_range=1.0
    )
    assert output.tobytes() == copied.tobytes()


@pytest.mark.parametrize("backend", [REFERENCE, CpuBackend()], ids=["numpy", "cpu"])
def test_results_are_written_where_they_are_wanted(backend):
    """Into every other row of a larger array, and nowhere else."""
    network = Network(1, 1, (5, 3), (3, 1, 3))
    params = random_params(network)
    images = np.random.RandomState(0).uniform(size=(2, 9, 11, 1)).astype(np.float32)
    around = np.full((2, 18, 11, 1), -7, np.float32)
    out = backend.forward(network, params, images, data_range=1.0, out=around[:, ::2])
    assert np.shares_memory(out, around)
    np.testing.assert_array_equal(
        out, backend.forward(network, params, images, data_range=1.0)
    )
    assert (around[:, 1::2] == -7).all()


@pytest.mark.parametrize(("isa", "precision"), MODES)
def test_the_engine_says_where_time_goes(isa, precision):
    network = Network(3, 3)
    backend = CpuBackend(isa, precision)
    images = np.random.RandomState(1).uniform(size=(1, 64, 64, 3)).astype(np.float32)
    seconds = backend.layer_seconds(
        network, random_params(network), images, data_range=1.0
    )
    assert seconds.shape == (4,)
    assert (seconds > 0).all()
    network = SURROUNDED["everything"]
    seconds = backend.layer_seconds(
        network, random_params(network), images, data_range=1.0
    )
    assert seconds.shape == (1 + 3 + 2 + 1 + 1,)
    assert (seconds > 0).all()
    assert backend.peak_rate(1, n_repeats=1) > 0


def test_not_a_number_is_not_hidden():
    """A rectifier that swallowed it would hide that a fit diverged."""
    network = Network(1, 1, (4, 4), (3, 1, 3))
    params = random_params(network)
    params[0] = np.nan
    patches, targets = patches_for(network)
    for backend in (REFERENCE, CpuBackend()):
        loss, _ = backend.loss_and_gradient(network, params, patches, targets)
        assert np.isnan(loss)


def test_every_instruction_set_can_be_forced(monkeypatch):
    assert ISAS[0] == "baseline"
    for isa in ISAS:
        monkeypatch.setenv("PYDBCNN_ISA", isa)
        assert CpuBackend().isa == isa
    monkeypatch.setenv("PYDBCNN_ISA", "quantum")
    with pytest.raises(ValueError, match=r"'quantum'.*baseline.*unset PYDBCNN_ISA"):
        CpuBackend()


def test_backends_are_chosen_in_one_place(monkeypatch):
    monkeypatch.setattr(device, "driver_version", lambda: 0)
    assert available_devices() == ("cpu",)
    assert get_backend("auto").name == get_backend("cpu").name == "cpu"
    assert get_backend("cpu", "float64").name == "reference"
    with pytest.raises(DeviceUnavailableError, match=r"'cuda'.*'auto' or 'cpu'"):
        get_backend("cuda")


FORK = """
import os
import numpy as np
from pydbcnn import DBCNNDeblurrer
X = np.random.RandomState(0).uniform(size=(1, 300, 300, 3))
deblurrer = DBCNNDeblurrer.from_pretrained("mild")
before = deblurrer.predict(X)
child = os.fork()
if child == 0:
    os._exit(0 if deblurrer.predict(X).tobytes() == before.tobytes() else 3)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0
"""


def test_a_forked_process_computes_the_same():
    """GNU OpenMP would wait for ever for threads that a fork has not taken along."""
    result = subprocess.run(
        [sys.executable, "-P", "-c", FORK],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
        check=False,
    )
    assert result.returncode == 0, result.stderr


SMALL_SIGNAL_STACK = """
import ctypes
from pydbcnn.backends.cpu import CpuBackend
CpuBackend()  # in single precision, nothing is asked of the system
class Stack(ctypes.Structure):
    _fields_ = [("start", ctypes.c_void_p), ("flags", ctypes.c_int),
                ("size", ctypes.c_size_t)]
memory = ctypes.create_string_buffer(4096)
stack = Stack(ctypes.addressof(memory), 0, 4096)
assert ctypes.CDLL(None).sigaltstack(ctypes.byref(stack), None) == 0
try:
    CpuBackend("amx", "bfloat16")
except ValueError as error:
    assert "refuses them to this process" in str(error), error
    assert "PYDBCNN_ISA=avx512_bf16" in str(error), error
"""


@pytest.mark.skipif("amx" not in ISAS, reason="the registers of AMX are asked for")
def test_amx_is_asked_for_only_when_it_is_needed():
    """From then on, Linux refuses alternate signal stacks too small for its registers,
    and it refuses AMX to a process that has one."""
    result = subprocess.run(
        [sys.executable, "-P", "-c", SMALL_SIGNAL_STACK],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_network_needs_equal_channels_for_the_residual_form():
    with pytest.raises(ValueError, match=r"has 4 .* 3: pass residual=False"):
        Network(4, 3, residual=True)
    assert Network(4, 3, residual=False).layers[-1].n_outputs == 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(filter_size=4), r"filter_size=4: expected odd sides from 1 to 41"),
        (dict(filter_size=43), r"filter_size=43: expected odd sides from 1 to 41"),
        (dict(n_back_projections=5), r"n_back_projections=5: expected 0 to 4"),
        (dict(n_back_projections=-1), r"n_back_projections=-1: expected 0 to 4"),
        (dict(back_projection_sizes=(17, 27)), r"=\(17, 27\): expected odd .* 1 to 25"),
        (dict(back_projection_sizes=(17,)), r"=\(17,\): expected two sides"),
    ],
    ids=str,
)
def test_sizes_that_the_network_cannot_have(wrong, message):
    with pytest.raises(ValueError, match=message):
        Network(3, 3, **wrong)


def test_back_projections_need_equal_channels():
    with pytest.raises(ValueError, match=r"has 4 .* 3: pass n_back_projections=0"):
        Network(4, 3, residual=False, n_back_projections=1)


def test_surroundings_start_by_doing_nothing():
    plain = Network(3, 3, (4, 2), (3, 1, 3))
    whole = SURROUNDED["everything"]
    whole = replace(whole, n_filters=plain.n_filters, kernel_sizes=plain.kernel_sizes)
    images = np.random.RandomState(1).uniform(size=(1, 20, 24, 3))
    outputs = [
        REFERENCE.forward(
            network,
            network.initial_params(np.random.RandomState(0), float),
            images,
            data_range=1.0,
        )
        for network in (plain, whole)
    ]
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=0, atol=1e-12)
    params = whole.initial_params(np.random.RandomState(0))
    for blur, _ in whole.back_projection_views(params):
        assert blur.sum() == pytest.approx(1)
        assert blur[3, 0] / blur[3, 3] == pytest.approx(
            np.exp(-(3**2) / 2 / (7 / 6) ** 2)
        )


@pytest.mark.parametrize("name", SURROUNDED)
def test_the_order_of_all_parameters(name):
    network = SURROUNDED[name]
    params = np.arange(network.n_params, dtype=float)
    quadrant = network.filter_view(params)
    combination = network.combination_views(params)
    parts = [] if quadrant is None else [quadrant]
    for pair in zip(*network.views(params), strict=True):
        parts += pair
    for pair in network.back_projection_views(params):
        parts += pair
    parts += combination or ()
    np.testing.assert_array_equal(np.concatenate([p.ravel() for p in parts]), params)
    joined = network.flatten(
        *network.views(params),
        float,
        quadrant=quadrant,
        back_projections=network.back_projection_views(params),
        combination=combination,
    )
    np.testing.assert_array_equal(joined, params)
    with pytest.raises(ValueError, match=rf"the network has {network.n_params} param"):
        network.flatten(*network.views(params))


def test_a_kernel_unfolds_from_its_quadrant():
    quadrant = np.arange(9).reshape(3, 3)
    kernel = unfold(quadrant)
    assert kernel.shape == (5, 5)
    for y, x in np.ndindex(5, 5):
        assert kernel[y, x] == quadrant[abs(y - 2), abs(x - 2)]


@pytest.mark.parametrize("name", SURROUNDED)
def test_onnx_computes_the_same(name):
    runtime = pytest.importorskip("onnxruntime")
    network = SURROUNDED[name]
    params = random_params(network).astype(np.float32)
    size = (network.radius + 3, network.radius + 8)  # ONNX mirrors only once
    images = np.random.RandomState(1).uniform(size=(2, *size, network.n_channels_in))
    session = runtime.InferenceSession(
        _onnx._model(network, params).SerializeToString(),
        providers=["CPUExecutionProvider"],
    )
    (output,) = session.run(None, {"blurred": images.astype(np.float32)})
    expected = REFERENCE.forward(network, params, images, data_range=1.0)
    np.testing.assert_allclose(output, expected, atol=1e-5 * np.ptp(expected))


def test_views_and_flatten_are_inverse():
    network = Network(3, 3, (5, 4), (3, 1, 5))
    params = random_params(network)
    weights, biases = network.views(params)
    assert [w.shape for w in weights] == [(3, 3, 3, 5), (1, 1, 5, 4), (5, 5, 4, 3)]
    np.testing.assert_array_equal(network.flatten(weights, biases, float), params)
    assert network.n_params == 3 * 3 * 3 * 5 + 5 + 5 * 4 + 4 + 5 * 5 * 4 * 3 + 3
    assert network.radius == 1 + 0 + 2
