"""Training steps on a GPU beside those of PyTorch."""

import pytest

from gpu.cases import Training


@pytest.mark.parametrize("n_channels", [1, 3], ids=["grey", "colour"])
@pytest.mark.parametrize(
    ("n_patches", "size"), [(128, 33), (256, 96)], ids=["33x33", "96x96"]
)
@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_step(precision, n_patches, size, n_channels, run):
    run("training", Training(n_patches, size, n_channels, precision))
