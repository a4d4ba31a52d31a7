"""Networks as ONNX models, run by ONNX Runtime."""

import numpy as np
import pytest
from networks import WITH_OUTER_LAYERS, random_params

from pydbcnn._restoration.onnx import onnx_model
from pydbcnn.backends.reference import ReferenceBackend

REFERENCE = ReferenceBackend()


@pytest.mark.parametrize("name", WITH_OUTER_LAYERS)
def test_onnx_computes_the_same(name):
    runtime = pytest.importorskip("onnxruntime")
    network = WITH_OUTER_LAYERS[name]
    params = random_params(network).astype(np.float32)
    size = (network.radius + 3, network.radius + 8)  # ONNX mirrors only once
    images = np.random.RandomState(1).uniform(size=(2, *size, network.n_channels_in))
    session = runtime.InferenceSession(
        onnx_model(network, params).SerializeToString(),
        providers=["CPUExecutionProvider"],
    )
    (output,) = session.run(None, {"blurred": images.astype(np.float32)})
    expected = REFERENCE.forward(network, params, images, data_range=1.0)
    np.testing.assert_allclose(output, expected, atol=1e-5 * np.ptp(expected))
