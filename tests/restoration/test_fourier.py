"""Wiener's filter in the Fourier domain, beside SciPy and the filter of few pixels."""

import numpy as np
import pytest
from scipy import fft
from scipy.ndimage import convolve

from pydbcnn import Blur, Noise
from pydbcnn._network.blur_aware import BlurAwareNetwork
from pydbcnn._network.inverse_filter import SharpPower, inverse_filter, loss_of
from pydbcnn._network.network import Network
from pydbcnn._restoration.fourier import MARGIN, FourierFilter
from pydbcnn._restoration.model import DeblurModel
from pydbcnn._restoration.undoing import Photo, Undoing
from pydbcnn.backends.cpu import CpuBackend
from pydbcnn.datasets import load_sample_images

POWER = SharpPower(1500.0, 3.0, 0.5)
DISK, QUIET = Blur.defocus(2.5), Noise.white(0.3)
LOPSIDED = Blur.from_kernel([[0.0, 0.2, 0.1], [0.1, 0.3, 0.0], [0.0, 0.0, 0.3]])


def circular_wiener(image, blur, noise, power):
    """By definition, of an image that repeats itself."""
    kernel = np.zeros(image.shape)
    weights = blur.kernel()
    height, width = weights.shape
    kernel[:height, :width] = weights
    kernel = np.roll(kernel, (-(height // 2), -(width // 2)), (0, 1))
    down, across = (2 * np.pi * fft.fftfreq(side) for side in image.shape)
    sharp = power.at(np.add.outer(down**2, across**2))
    K = fft.fft2(kernel)
    F = sharp * K.conj() / (sharp * abs(K) ** 2 + noise.std**2)
    F[0, 0] = 1
    return fft.ifft2(F * fft.fft2(image)).real


@pytest.mark.parametrize("blur", [DISK, Blur.motion(5, angle=20), LOPSIDED], ids=str)
def test_a_part_of_an_image_is_as_in_the_whole(blur):
    """The fading at the ends of a tile has died away where it counts."""
    random_state = np.random.RandomState(0)
    sharp = random_state.normal(scale=40, size=(900, 900))
    sharp = convolve(sharp, np.full((5, 5), 0.04), mode="wrap")
    image = convolve(sharp, blur.kernel(), mode="wrap")
    image += random_state.normal(scale=1, size=image.shape)
    noise = Noise.white(1.0)
    expected = circular_wiener(image, blur, noise, POWER)
    core = np.s_[300:520, 250:430]
    tile = np.s_[300 - MARGIN : 520 + MARGIN, 250 - MARGIN : 430 + MARGIN]
    found = FourierFilter(blur, noise, POWER).filtered(image[tile][..., None], None)
    assert found.shape == (*image[tile].shape, 1)
    found = found[MARGIN:-MARGIN, MARGIN:-MARGIN, 0]
    error = np.sqrt(np.mean((found - expected[core]) ** 2))
    assert error < 0.01 * expected[core].std()


def filter_model(n_channels=1, **form):
    network = Network(n_channels, n_channels, (1, 1), (1, 1, 1), **form)
    weights = BlurAwareNetwork.around(network, 1, True, (0.3, 5.0))
    return DeblurModel(weights, np.zeros(weights.n_params, np.float32))


def undoing(model, noise, blur=DISK):
    image = np.zeros((40, 50, 1), np.float32)
    return Undoing(model, CpuBackend(), Photo(image, 1.0, noise), blur, POWER)


def test_it_is_taken_where_few_pixels_lose_more_than_a_tenth_of_a_db():
    model = filter_model()
    kernels = [inverse_filter(DISK, noise, POWER) for noise in (QUIET, Noise.white(4))]
    assert loss_of(kernels[0], DISK, QUIET, POWER) > 0.1
    assert loss_of(kernels[1], DISK, Noise.white(4), POWER) < 0.1
    assert undoing(model, QUIET).network.filter_size == 1
    assert undoing(model, Noise.white(4.0)).network.filter_size > 1
    assert undoing(model, None).network.filter_size > 1
    with_tail = filter_model(n_back_projections=1)
    assert undoing(with_tail, QUIET).network.filter_size == 41


def test_it_restores_more_than_few_pixels_do():
    sharp = load_sample_images()[0][60:360, 100:460, 1].astype(float)
    seen = np.rint(convolve(sharp, DISK.kernel(), mode="mirror")).astype(np.uint8)
    batch, noise = seen[np.newaxis, ..., np.newaxis], Noise.white(0.0, rounded=True)
    model = filter_model()
    done = []
    known = model.check(blur=DISK, noise=noise, shapes=[seen.shape], dtype=np.uint8)
    restored = model.restore(
        CpuBackend(), batch, data_range=255.0, known=known, on_pixels=done.append
    )[0, ..., 0]
    assert restored.dtype == np.uint8
    assert sum(done) == seen.size
    weights = inverse_filter(DISK, noise, POWER)
    few = convolve(seen.astype(float), weights[::-1, ::-1], mode="mirror")

    def error(estimate):
        return np.mean((estimate - sharp)[30:-30, 30:-30] ** 2)

    assert error(restored) < 0.9 * error(few) < 0.3 * error(seen)


def test_a_loss_is_that_of_the_size_alone():
    losses = [
        loss_of(inverse_filter(DISK, QUIET, POWER, (side,)), DISK, QUIET, POWER)
        for side in (9, 17, 25, 41)
    ]
    assert losses == sorted(losses, reverse=True)
    assert loss_of(identity(), DISK, QUIET, POWER) > losses[0]


def identity():
    """The identity, which undoes nothing."""
    kernel = np.zeros((9, 9))
    kernel[4, 4] = 1
    return kernel
