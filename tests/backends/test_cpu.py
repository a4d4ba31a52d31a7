"""The CPU engine against the reference and itself."""

import numpy as np
import pytest
from formula import after_the_layers, filtered, inside, mirror_by, scipy_forward
from networks import WITH_OUTER_LAYERS, patches_for, random_params

from pydbcnn._network.formula import correlate as reference_correlate
from pydbcnn._network.network import Network
from pydbcnn.backends.cpu import CpuBackend, available_isas
from pydbcnn.backends.reference import ReferenceBackend

ISAS = available_isas()
BFLOAT16_ISAS = [isa for isa in ISAS if isa in {"avx512_bf16", "amx"}]
REFERENCE = ReferenceBackend()


def away_from_kinks(network, params, size):
    """Parameters, patches and targets in single precision, away from jumps.

    A gradient jumps where a rectifier has its kink. No rectifier is so near to it here
    that a rounding error decides on which side it lies.
    """
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
    """The nearest numbers with 8 significant bits; ties go to the even one."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.rint(mantissa * 256) / 256, exponent)


def bfloat16_forward(network, params, image):
    """What the bfloat16 engine is to compute, in double precision.

    Inputs, weights and maps are rounded; sums are not.
    """
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
    """The engine may be off by a tenth of what rounding itself does.

    It adds in single precision, so a sum may fall to the other side of a tie.
    """
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
    """The engine mirrors them as often as it takes, as `np.pad` does."""
    network = Network(1, 1, (8, 4), (9, 1, 5))
    params = random_params(network)
    image = np.random.RandomState(0).uniform(size=(*size, 1))
    output = CpuBackend(isa).forward(network, params, image[np.newaxis], data_range=1.0)
    np.testing.assert_allclose(
        output[0], scipy_forward(network, params, image), rtol=0, atol=1e-5
    )


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
    """They go into every other row of a larger array, and nowhere else."""
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
    network = WITH_OUTER_LAYERS["everything"]
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
