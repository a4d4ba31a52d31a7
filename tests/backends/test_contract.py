"""What `Backend` promises, asked of every engine that this machine has.

The GPU engine runs on the host (see tests/cuda/README.md), and on a GPU where there is
one.
"""

import cv2
import numpy as np
import pytest
from networks import WITH_OUTER_LAYERS, patches_for, random_params

from pydbcnn.backends.base import Backend
from pydbcnn.backends.cpu import CpuBackend, available_isas
from pydbcnn.backends.reference import ReferenceBackend

REFERENCE = ReferenceBackend()
NETWORK = WITH_OUTER_LAYERS["everything"]
PARAMS = random_params(NETWORK)
WHITE = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0, "float64": 1.0}
# The largest error over white that each precision may make on this network.
ERRORS = {"float64": 1e-12, "float32": 1e-4, "tf32": 3e-3, "bfloat16": 3e-2}


def cpu_engines():
    for isa in available_isas():
        for precision in CpuBackend(isa).precisions:
            yield pytest.param(
                lambda isa=isa, precision=precision: CpuBackend(isa, precision),
                id=f"cpu-{isa}-{precision}",
            )


def cuda_on_the_host(precision):
    cuda_host = pytest.importorskip("cuda_host")
    from pydbcnn.backends.cuda import CudaBackend

    return CudaBackend(precision, cuda_host.HostRuntime())


def cuda_engines():
    from pydbcnn.backends.cuda import CudaBackend

    for precision in ("float32", "tf32", "bfloat16"):
        yield pytest.param(
            lambda precision=precision: cuda_on_the_host(precision),
            id=f"cuda-host-{precision}",
        )
        yield pytest.param(
            lambda precision=precision: CudaBackend(precision),
            id=f"cuda-{precision}",
            marks=pytest.mark.gpu,
        )


@pytest.fixture(
    params=[
        pytest.param(ReferenceBackend, id="reference"),
        *cpu_engines(),
        *cuda_engines(),
    ],
    scope="module",
)
def engine(request):
    return request.param()


def images_of(dtype, shape=(3, 21, 26, 3), seed=1):
    values = np.random.RandomState(seed).uniform(size=shape) * WHITE[dtype]
    return values.astype(dtype)


def restored(engine, images, **how):
    white = WHITE[images.dtype.name]
    return engine.forward(NETWORK, PARAMS, images, data_range=white, **how)


def on_host(engine, array):
    """A NumPy array of what lies where an engine puts its vectors."""
    return array if engine.device == "cpu" else array.get()


def test_it_is_an_engine(engine):
    assert isinstance(engine, Backend)
    assert engine.name in ("reference", "cpu", "cuda")
    assert engine.device in ("cpu", "cuda")
    assert engine.precision in ERRORS


def test_a_backend_must_have_every_method():
    class Half(ReferenceBackend):
        forward = Backend.forward

    with pytest.raises(TypeError, match=r"abstract method '?forward"):
        Half()


@pytest.mark.parametrize("dtype", WHITE)
def test_estimates_are_those_of_the_formula(engine, dtype):
    images = images_of(dtype)
    before = images.copy()
    result = restored(engine, images)
    assert (result.dtype, result.shape) == (images.dtype, images.shape)
    np.testing.assert_array_equal(images, before)
    expected = REFERENCE.forward(
        NETWORK, PARAMS, images.astype(float), data_range=WHITE[dtype]
    )
    if images.dtype.kind == "u":
        rounding, expected = 0.5, np.clip(expected, 0, WHITE[dtype])
    else:
        rounding = 2 * np.finfo(dtype).eps
    error = np.abs(result.astype(float) - expected).max()
    assert error <= rounding + ERRORS[engine.precision] * WHITE[dtype]


def test_an_estimate_does_not_depend_on_its_batch(engine):
    images = images_of("float32")
    together = restored(engine, images)
    for image, expected in zip(images, together, strict=True):
        alone = restored(engine, image[np.newaxis])
        np.testing.assert_array_equal(alone[0], expected)


def test_no_images_give_no_estimates(engine):
    none = images_of("uint8")[:0]
    assert restored(engine, none).shape == none.shape


def test_images_are_read_and_estimates_written_in_place(engine):
    images = images_of("uint16")
    expected = restored(engine, images)
    views = images[::-1, ::-1, :, ::-1]
    views.flags.writeable = False
    np.testing.assert_array_equal(
        restored(engine, np.ascontiguousarray(views)), restored(engine, views)
    )
    room = np.zeros((3, 30, 52, 3), np.uint16)
    out = room[:, 5:26, ::2]
    assert restored(engine, images, out=out) is out
    np.testing.assert_array_equal(out, expected)
    assert not room[:, :5].any()
    assert not room[:, :, 1::2].any()


def test_progress_counts_every_pixel_once(engine):
    images = images_of("uint8", (2, 9, 7, 3))
    done = []
    restored(engine, images, on_pixels=done.append)
    assert sum(done) == 2 * 9 * 7


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (5, 2)])
def test_images_smaller_than_the_network_sees_are_mirrored(engine, size):
    """As often as is needed, as `np.pad` does."""
    images = images_of("float64", (1, *size, 3))
    margin = NETWORK.radius
    padded = np.pad(
        images, ((0, 0), (margin, margin), (margin, margin), (0, 0)), mode="reflect"
    )
    inside = np.s_[:, margin : margin + size[0], margin : margin + size[1]]
    expected = REFERENCE.forward(NETWORK, PARAMS, padded, data_range=1.0)[inside]
    result = restored(engine, images)
    np.testing.assert_allclose(result, expected, atol=ERRORS[engine.precision], rtol=0)


def test_gradients_are_those_of_the_formula(engine):
    patches, targets = patches_for(NETWORK, n=2, height=5, width=6)
    loss, gradient = engine.loss_and_gradient(NETWORK, PARAMS, patches, targets)
    again, same = engine.loss_and_gradient(NETWORK, PARAMS, patches, targets)
    gradient = on_host(engine, gradient)
    assert loss == again
    np.testing.assert_array_equal(gradient, on_host(engine, same))
    expected_loss, expected = REFERENCE.loss_and_gradient(
        NETWORK, PARAMS, patches, targets
    )
    learned = slice(NETWORK.n_filter_params, None)
    # The GPU engine rounds factors to tf32 in gradients unless it has float32.
    rounded = engine.device == "cuda" and engine.precision != "float32"
    tolerance = 3e-2 if rounded else 1e-4
    assert loss == pytest.approx(expected_loss, rel=tolerance)
    difference = np.abs(gradient[learned] - expected[learned]).max()
    assert difference <= tolerance * np.abs(expected[learned]).max()


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_solver_goes_on_where_that_of_another_engine_was(engine, solver):
    random = np.random.RandomState(3)
    start, first, second = random.normal(size=(3, 40)).astype(np.float32)
    expected = start.copy()
    on_cpu = REFERENCE.optimizer(solver, 40, np.float32)
    on_cpu.update(expected, first, 0.01)
    params = engine.vector(expected.copy())
    optimizer = engine.optimizer(solver, 40, np.float32)
    optimizer.restore(on_cpu.state())
    on_cpu.update(expected, second, 0.01)
    optimizer.update(params, engine.vector(second), 0.01)
    np.testing.assert_array_equal(on_host(engine, params), expected)
    for name, array in optimizer.state().items():
        assert isinstance(array, np.ndarray)
        np.testing.assert_array_equal(array, on_cpu.state()[name])


@pytest.mark.parametrize("dtype", WHITE)
def test_the_blur_is_that_of_opencv(engine, dtype):
    image = images_of(dtype, (19, 23, 3))
    blurred = engine.gaussian_blur(image, 1.3)
    assert (blurred.dtype, blurred.shape) == (image.dtype, image.shape)
    expected = cv2.GaussianBlur(image, (13, 13), 1.3, borderType=cv2.BORDER_REFLECT_101)
    if image.dtype.kind == "u":
        np.testing.assert_array_equal(blurred, expected)
    else:
        np.testing.assert_allclose(blurred, expected, rtol=1e-5)
    np.testing.assert_array_equal(engine.gaussian_blur(image, 0.0), image)


def test_the_network_refuses_what_the_engine_in_c_cannot_hold():
    from pydbcnn._network import network
    from pydbcnn._pixels.images import MAX_CHANNELS
    from pydbcnn.backends._cpu import bindings

    limits = bindings.limits()
    assert limits["kernel_size"] == network.MAX_KERNEL_SIZE
    assert limits["filters"] == network.MAX_FILTERS
    assert limits["channels"] == MAX_CHANNELS
    assert limits["filter_size"] == network.MAX_FILTER_SIZE
    assert limits["back_projections"] == network.MAX_BACK_PROJECTIONS
    assert limits["back_projection_size"] >= network.MAX_BACK_PROJECTION_SIZE
    assert limits["layers"] >= len(NETWORK.layers)


def test_the_gradient_of_the_largest_kernel_fits_a_block_of_the_gpu():
    from pydbcnn._network.network import MAX_BACK_PROJECTION_SIZE
    from pydbcnn.backends._cuda.training import gradient_slices

    assert gradient_slices(MAX_BACK_PROJECTION_SIZE) >= 1
