"""Forward passes on a GPU beside those of PyTorch."""

import pytest

from gpu.cases import Forward

GOAL = 3.0


@pytest.mark.parametrize("n_channels", [1, 3], ids=["grey", "colour"])
@pytest.mark.parametrize("size", [(1000, 1000), (4000, 6000)], ids=["1Mpx", "24Mpx"])
@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_forward(precision, size, n_channels, run):
    run("forward", Forward(*size, n_channels, precision), GOAL)
