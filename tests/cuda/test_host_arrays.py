"""What stands in for CuPy computes as NumPy does, and refuses what CuPy refuses."""

import numpy as np
import pytest
from cuda_host import HostXp
from cuda_host.arrays import ATTRIBUTES, FUNCTIONS


@pytest.fixture(params=["end", "start"])
def xp(request):
    return HostXp(request.param)


VALUES = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize(
    "compute",
    [
        lambda xp, x: x + 1,
        lambda xp, x: 2 - x,
        lambda xp, x: x * x,
        lambda xp, x: -x,
        lambda xp, x: x > 3,
        lambda xp, x: x.sum(axis=0, dtype=np.float64),
        lambda xp, x: x[1:, ::2],
        lambda xp, x: x[..., None],
        lambda xp, x: x[x > 5],
        lambda xp, x: x[[1, 0]],
        lambda xp, x: x.reshape(4, 6).T,
        lambda xp, x: x.astype(np.float64),
        lambda xp, x: x.view(np.uint32),
        lambda xp, x: x.ravel().copy(),
        lambda xp, x: xp.sqrt(x),
        lambda xp, x: np.sqrt(x),
        lambda xp, x: xp.concatenate([x, x]),
        lambda xp, x: xp.pad(x, 1),
        lambda xp, x: xp.where(x > 3, x, 0),
        lambda xp, x: xp.zeros_like(x),
        lambda xp, x: xp.full((2, 2), 3.0, np.float32),
        lambda xp, x: xp.arange(5),
        lambda xp, x: xp.ascontiguousarray(x.T),
        lambda xp, x: xp.asarray(x, np.int32),
        lambda xp, x: x.mean(),
    ],
)
def test_functions_and_methods_are_those_of_numpy(xp, compute):
    result = compute(xp, xp.asarray(VALUES))
    expected = np.asarray(compute(np, VALUES))
    assert isinstance(result, xp.ndarray)
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(xp.asnumpy(result), expected)


@pytest.mark.parametrize(
    "compute",
    [
        lambda xp, x: xp.vdot(x, x),
        lambda xp, x: np.linalg.norm(x),
        lambda xp, x: x.tolist(),
        lambda xp, x: x.sum(where=x > 1),
        lambda xp, x: xp.zeros_like(x, subok=False),
        lambda xp, x: np.sqrt(x, where=x > 1),
        lambda xp, x: np.add.reduce(x),
    ],
)
def test_functions_that_nobody_has_looked_for_in_cupy(xp, compute):
    with pytest.raises((AttributeError, TypeError), match=r"CuPy|tolist|on the device"):
        compute(xp, xp.asarray(VALUES))


def test_cupy_has_the_functions_and_attributes():
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    own = {name for name in vars(HostXp) if not name.startswith("_")}
    own -= {"from_host", "memory_at", "check"}  # for tests alone
    assert {name for name in FUNCTIONS | own if not hasattr(cupy, name)} == set()
    names = ATTRIBUTES | {"get", "set"}
    assert {name for name in names if not hasattr(cupy.ndarray, name)} == set()


def test_assignment_and_in_place_arithmetic(xp):
    x, expected = xp.asarray(VALUES), VALUES.copy()
    same = x
    for array, zeros in ((x, xp.zeros((3, 4))), (expected, np.zeros((3, 4)))):
        array += 1
        array[1] = zeros
        array[0, 0] = 7
        np.multiply(array, 2, out=array)
    assert x is same
    np.testing.assert_array_equal(x.get(), expected)


def test_scalars_leave_the_device():
    x = HostXp().asarray(VALUES)
    assert float(x.max()) == 23.0
    assert int(x.argmax()) == 23
    assert bool((x >= 0).all())
    assert (x.shape, x.ndim, x.size, x.nbytes, len(x)) == ((2, 3, 4), 3, 24, 96, 2)
    assert x.flags.c_contiguous
    assert not x.T.flags.c_contiguous


def test_copies_are_copies(xp):
    values = VALUES.copy()
    x = xp.asarray(values)
    values[...] = 0
    assert float(x.sum()) == VALUES.sum()
    out = xp.asnumpy(x)
    out[...] = 0
    assert float(x.sum()) == VALUES.sum()
    assert xp.asarray(x) is x
    assert xp.array(x) is not x


def test_views_share_memory_and_new_arrays_do_not(xp):
    x = xp.asarray(VALUES)
    view, copy = x[1], x[[1]]
    x[...] = 0
    assert not bool(view.any())
    assert bool(copy.any())
    first, second = (array.__cuda_array_interface__["data"][0] for array in (x, view))
    assert second == first + 48


def test_set_takes_values_of_the_same_kind(xp):
    x = xp.empty((2, 3, 4), np.float32)
    x.set(VALUES)
    np.testing.assert_array_equal(x.get(), VALUES)
    with pytest.raises(TypeError, match=r"float64 \(2, 3, 4\)"):
        x.set(VALUES.astype(np.float64))


@pytest.mark.parametrize(
    "mix",
    [
        lambda xp, x: x + VALUES,
        lambda xp, x: VALUES + x,
        lambda xp, x: xp.concatenate([x, VALUES]),
        lambda xp, x: np.concatenate([x, VALUES]),
        lambda xp, x: xp.sqrt(VALUES),
        lambda xp, x: x.__setitem__(..., VALUES),
        lambda xp, x: np.asarray(x),
        lambda xp, x: np.array(x),
        lambda xp, x: np.add(VALUES, 1, out=VALUES.copy(), where=x > 1),
    ],
)
def test_host_and_device_do_not_mix(xp, mix):
    with pytest.raises(TypeError, match=r"host array|on the device"):
        mix(xp, xp.asarray(VALUES))


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "uint16", "int32"])
def test_new_memory_is_full_of_what_no_one_would_write(xp, dtype):
    x = xp.asnumpy(xp.empty((3, 5), dtype))
    assert (x.view(np.uint8) == 0xFF).all()
    assert xp.empty_like(xp.zeros(4, dtype)).dtype == dtype


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint32"])
@pytest.mark.parametrize("n", [1, 3, 4, 1000])
def test_memory_can_be_read_in_vectors(xp, dtype, n):
    assert xp.empty(n, dtype).__cuda_array_interface__["data"][0] % 16 == 0


@pytest.mark.parametrize("shape", [0, (), (0, 3), 5, (2, 3)])
def test_shapes(xp, shape):
    assert xp.zeros(shape).shape == np.zeros(shape).shape
    assert xp.empty(shape).shape == np.zeros(shape).shape
