"""The Gaussian blur of the device, on the host, against OpenCV."""

import cv2
import numpy as np
import pytest
from cuda_host import HostRuntime, in_all_orders

from pydbcnn._pixels import gaussian
from pydbcnn._pixels.gaussian import MAX_KERNEL_SIZE
from pydbcnn._pixels.gaussian import opencv_weights as gaussian_weights
from pydbcnn._pixels.opencv import BORDER_MODES
from pydbcnn.backends._cuda import blur
from pydbcnn.backends._cuda.bands import BUFFER_BYTES
from pydbcnn.backends._cuda.blur import ARITHMETICS, BORDERS, fixed_point_weights, parts

INTEGERS = ("uint8", "uint16")
TOLERANCES = {"uint8": 0, "uint16": 0, "float32": 1e-6, "float64": 1e-12}


def image_of(shape, dtype, seed=0):
    """Noise over the whole range of a type."""
    random_state = np.random.RandomState(seed)
    if dtype in INTEGERS:
        return random_state.randint(0, np.iinfo(dtype).max + 1, shape).astype(dtype)
    return random_state.uniform(-3, 3, shape).astype(dtype)


def on_device(runtime, image, sigma, **options):
    given = runtime.to_device(image)
    return runtime.to_host(blur.gaussian_blur(runtime, given, sigma, **options))


def assert_blurred_as_by_opencv(image, sigma, blurred=None, **options):
    """The blur of the device, or what is given, is OpenCV's; integers to the bit."""
    if blurred is None:
        blurred = on_device(HostRuntime(), image, sigma, **options)
    expected = gaussian.gaussian_blur(image, sigma, **options)
    assert blurred.dtype == expected.dtype
    assert blurred.shape == expected.shape
    largest = np.abs(image.astype(np.float64)).max()
    difference = np.abs(blurred.astype(np.float64) - expected).max()
    assert difference <= TOLERANCES[image.dtype.name] * largest, (sigma, options)


def weights_of_opencv(size, sigma, dtype):
    """The integers that OpenCV blurs a point with; below half of 1 they are exact."""
    row = np.zeros((1, size + 2), dtype)
    row[0, row.size // 2] = np.iinfo(dtype).max
    border = cv2.BORDER_REPLICATE  # leaves the only row as it is
    return cv2.GaussianBlur(row, (size, size), sigma, borderType=border)[0, 1:-1]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_weights_are_those_of_opencv(dtype):
    bits = ARITHMETICS[dtype].fraction_bits
    random_state = np.random.RandomState(0)
    for _ in range(100):
        sigma = 10 ** random_state.uniform(0, 2.5)
        reach = gaussian.kernel_size_for(sigma)
        for size in (7, 9, reach, 2 * random_state.randint(3, 150) + 1):
            weights = fixed_point_weights(gaussian_weights(size, sigma), bits)
            assert weights.sum() == 2**bits
            np.testing.assert_array_equal(
                weights, weights_of_opencv(size, sigma, dtype)
            )


def test_what_rounding_takes_goes_to_the_next_weight():
    weights = np.array([0.3, 0.4, 2.6, 0.4, 0.3]) / 4
    # 0.3 becomes 0 and leaves 0.3; 0.7 becomes 1; 2 are missing to 4.
    np.testing.assert_array_equal(fixed_point_weights(weights, 2), [0, 1, 2, 1, 0])


def test_borders_are_all_that_the_transformer_has():
    assert set(BORDERS) == BORDER_MODES


@pytest.mark.parametrize("border_mode", BORDERS)
@pytest.mark.parametrize("dtype", ARITHMETICS)
@pytest.mark.parametrize("shape", [(67, 45), (33, 30, 3), (70, 21, 4), (9, 700)])
def test_blur_is_that_of_opencv(shape, dtype, border_mode):
    image = image_of(shape, dtype)
    for sigma in (0.3, 1.6, 4.4):
        assert_blurred_as_by_opencv(image, sigma, border_mode=border_mode)


@pytest.mark.parametrize("dtype", ARITHMETICS)
@pytest.mark.parametrize("kernel_size", [1, 3, 5, 7, 79, 81, 83, 161, 243])
def test_kernels_of_any_size(kernel_size, dtype):
    image = image_of((30, 40), dtype)
    for sigma in (0.05, 2.5, 40.0):
        assert_blurred_as_by_opencv(image, sigma, kernel_size=kernel_size)


@pytest.mark.parametrize("border_mode", BORDERS)
@pytest.mark.parametrize("dtype", ARITHMETICS)
def test_images_smaller_than_the_kernel(dtype, border_mode):
    for shape in [(1, 1), (1, 2, 3), (2, 1), (3, 2), (1, 100), (100, 1, 3), (5, 4, 2)]:
        for sigma in (0.7, 30.0):
            assert_blurred_as_by_opencv(
                image_of(shape, dtype), sigma, border_mode=border_mode
            )


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("border_mode", BORDERS)
def test_the_largest_integers_do_not_overflow(dtype, border_mode):
    image = np.full((20, 20), np.iinfo(dtype).max, dtype)
    for sigma in (0.01, 1.0, 20.0):
        assert_blurred_as_by_opencv(image, sigma, border_mode=border_mode)


@pytest.mark.parametrize("dtype", ARITHMETICS)
def test_the_largest_kernel(dtype):
    image = image_of((3, 20), dtype)
    assert_blurred_as_by_opencv(
        image, 500.0, kernel_size=MAX_KERNEL_SIZE, border_mode="reflect"
    )


@pytest.mark.parametrize("n_channels", [2, 5, 63, 64, 65, 100])
def test_any_number_of_channels(n_channels):
    assert_blurred_as_by_opencv(image_of((8, 9, n_channels), "float64"), 11.0)


def test_more_channels_than_opencv_takes():
    image = image_of((6, 7, 300), "uint8")
    blurred = on_device(HostRuntime(), image, 1.5)
    for channels in (slice(0, 3), slice(127, 130), slice(297, 300)):
        assert_blurred_as_by_opencv(image[:, :, channels], 1.5, blurred[:, :, channels])


@pytest.mark.parametrize("border_mode", BORDERS)
@pytest.mark.parametrize("dtype", ARITHMETICS)
def test_the_order_of_threads_changes_nothing(dtype, border_mode):
    image = image_of((70, 40, 3), dtype)

    def blurred(runtime):
        return on_device(runtime, image, 12.0, border_mode=border_mode)

    assert_blurred_as_by_opencv(
        image, 12.0, in_all_orders(blurred), border_mode=border_mode
    )


@pytest.mark.parametrize("border_mode", BORDERS)
@pytest.mark.parametrize("dtype", ARITHMETICS)
def test_parts_give_what_the_whole_gives(dtype, border_mode, monkeypatch):
    image = image_of((150, 200, 2), dtype)
    whole = on_device(HostRuntime(), image, 3.0, border_mode=border_mode)
    monkeypatch.setattr(blur, "BUFFER_BYTES", 4096)
    assert len(list(parts(150, 200, 2, 12, 4))) == 3 * 2

    def blurred(runtime):
        return on_device(runtime, image, 3.0, border_mode=border_mode)

    np.testing.assert_array_equal(in_all_orders(blurred), whole)


@pytest.mark.parametrize("radius", [0, 1, 20, 2047])
@pytest.mark.parametrize(
    ("height", "width", "channels", "value_bytes"),
    [
        (1, 1, 1, 2),
        (4000, 6000, 3, 2),
        (3, 2**26, 1, 8),
        (2**20 + 7, 300, 4, 8),
        (30000, 90000, 16, 8),
    ],
)
def test_parts_cover_the_image_in_bounded_memory(
    height, width, channels, value_bytes, radius
):
    covered = 0
    for stored, region in parts(
        height, min(width, 2**26), channels, radius, value_bytes
    ):
        assert stored.n_pixels * channels * value_bytes <= BUFFER_BYTES
        assert stored.top == max(0, region.top - radius)
        assert stored.top + stored.height == min(
            height, region.top + region.height + radius
        )
        assert (stored.left, stored.width) == (region.left, region.width)
        assert region.top % region.height == 0 or region.top + region.height == height
        covered += region.n_pixels
    assert covered == height * width


def test_strips_compute_nothing_twice():
    for stored, region in parts(4000, 6000, 3, 40, 4):
        assert stored == region
        assert region.height == 4000


@pytest.mark.parametrize("dtype", ARITHMETICS)
def test_sigma_0_gives_a_copy(dtype):
    runtime = HostRuntime()
    image = runtime.to_device(image_of((4, 5), dtype))
    blurred = blur.gaussian_blur(runtime, image, 0)
    before = runtime.to_host(image)
    blurred[:] = 0
    np.testing.assert_array_equal(runtime.to_host(image), before)


def test_images_with_gaps():
    image = image_of((40, 50, 3), "uint8")
    runtime = HostRuntime()
    given = runtime.to_device(image)[::2, ::-3].transpose(1, 0, 2)
    blurred = runtime.to_host(blur.gaussian_blur(runtime, given, 1.6))
    assert_blurred_as_by_opencv(
        np.ascontiguousarray(image[::2, ::-3].transpose(1, 0, 2)), 1.6, blurred
    )


def test_nan_spreads_as_far_as_the_kernel():
    image = image_of((50, 60), "float32")
    image[20, 30] = np.nan
    blurred = on_device(HostRuntime(), image, 1.6, kernel_size=13)
    expected = np.zeros(image.shape, bool)
    expected[14:27, 24:37] = True
    np.testing.assert_array_equal(np.isnan(blurred), expected)


def test_an_even_kernel_is_refused():
    with pytest.raises(ValueError, match=r"kernel_size=4 is even.* such as 5, or None"):
        on_device(HostRuntime(), image_of((8, 8), "uint8"), 1.0, kernel_size=4)


def test_too_large_a_sigma_is_refused():
    with pytest.raises(ValueError, match=r"sigma=600.0 .*pass a smaller sigma"):
        on_device(HostRuntime(), image_of((8, 8), "uint8"), 600.0)
