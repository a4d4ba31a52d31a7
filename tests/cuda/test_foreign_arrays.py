"""Arrays of other libraries: which lie on a GPU, and how they are taken over."""

import sys

import numpy as np
import pytest
from device_backend import assert_on_device
from quick_learners import quick

from pydbcnn import estimate_blur
from pydbcnn._pixels.device import as_array, is_on_gpu, namespace, to_host
from pydbcnn._pixels.images import Images, check_pixels
from pydbcnn._training.sampling import crop, cut
from pydbcnn.backends import DeviceUnavailableError


class Foreign:
    """An array of another library, with no more than its protocols."""

    def __init__(self, values, device, interface):
        self.values = values
        self.ndim = values.ndim
        if interface:
            self.__cuda_array_interface__ = values.__array_interface__
        if device is not None:
            self.__dlpack_device__ = lambda: (device, 0)
            self.__dlpack__ = values.__dlpack__


@pytest.mark.parametrize(
    ("device", "interface", "called"),
    [
        (2, False, "from_dlpack"),
        (13, False, "from_dlpack"),
        (2, True, "from_dlpack"),
        (None, True, "asarray"),
    ],
)
def test_what_other_libraries_have_on_the_gpu(xp, pairs, device, interface, called):
    taken = []

    def take(array, dtype=None):
        if isinstance(array, Foreign):
            taken.append(array)
            array = array.values
        return xp.array(array, dtype)

    setattr(xp, called, take)
    image = Foreign(pairs[0], device, interface)
    assert is_on_gpu(image)
    model = quick(device="cpu").fit(*pairs)
    expected = model.predict(pairs[0])
    result = model.set_params(device="cuda").predict(image)
    assert taken == [image]
    assert_on_device(xp, result, expected)


def test_tensors_that_are_not_handed_over(xp, pairs):
    """A tensor of PyTorch that records gradients is one of these."""

    class Recorded(Foreign):
        @property
        def __cuda_array_interface__(self):
            raise RuntimeError("not while gradients are recorded")

        def __dlpack__(self, **kwargs):
            raise BufferError("use tensor.detach()")

    xp.from_dlpack = lambda array: array.__dlpack__()
    image = Recorded(pairs[0], None, False)
    image.__dlpack_device__ = lambda: (2, 0)
    message = r"{}, a .*Recorded, cannot be taken over: use tensor\.detach\(\)\."
    for images, name in (image, "images"), ([image], r"images\[0\]"):
        with pytest.raises(ValueError, match=message.format(name)):
            estimate_blur(images)


def test_what_other_libraries_have_on_the_host(pairs):
    class OfHost:
        def __dlpack_device__(self):
            return (1, 0)

        def __dlpack__(self, **kwargs):
            return pairs[0].__dlpack__(**kwargs)

    assert not is_on_gpu(OfHost())
    taken = as_array(OfHost())
    assert type(taken) is np.ndarray
    assert np.shares_memory(taken, pairs[0])


def test_arrays_on_the_gpu_without_cupy(pairs, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DeviceUnavailableError, match=r"CuPy is not installed.*pip"):
        estimate_blur(Foreign(pairs[0], 2, True))


def test_namespace_of_arrays_of_the_host(xp):
    array = np.zeros(3)
    assert namespace(array) is namespace([1.0]) is np
    assert to_host(array) is array
    assert namespace(xp.zeros(3)) is xp


def test_arrays_of_the_real_cupy_are_seen_without_a_driver():
    """An array of CuPy around memory of the host is handled as one on a GPU."""
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    values = np.zeros((2, 20, 24, 3), np.uint8)
    memory = cupy.cuda.UnownedMemory(values.ctypes.data, values.nbytes, values, 0)
    array = cupy.ndarray(values.shape, np.uint8, cupy.cuda.MemoryPointer(memory, 0))
    assert is_on_gpu(array)
    assert namespace(array) is cupy
    assert check_pixels(array, "X") is array
    assert array.astype(np.uint8, copy=False) is array
    images = Images([array], is_list=False, has_channels=True)
    assert [image.shape for image in images.each()] == [(20, 24, 3)] * 2
    assert cut(array, (5, 6), (8, 9), 3, axis=1).shape == (2, 14, 15, 3)
    part = crop(array, 2)
    assert part.shape == (2, 16, 20, 3)
    assert array.flags.c_contiguous
    assert not part.flags.c_contiguous
    assert part.data.ptr == array.data.ptr + (2 * 24 + 2) * 3
