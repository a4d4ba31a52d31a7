"""The command evaluate on real files, in a process of its own."""

import json

import cv2
import numpy as np
import pytest
from photo_samples import truncate

from pydbcnn import DBCNNDeblurrer
from pydbcnn._pixels.values import luminance
from pydbcnn.metrics import peak_signal_noise_ratio


def test_evaluate_prints_what_the_library_measures(
    run_pydbcnn, tmp_path, dataset, sharp
):
    result = run_pydbcnn("evaluate", "mild", dataset, "--json", "--quiet")
    scores = json.loads(result.stdout)
    assert scores["protocol"] == {"channels": "luminance", "border": 8}
    blurred = cv2.imread(str(dataset / "blurred" / "0.png"))[np.newaxis, ..., ::-1]
    estimate = DBCNNDeblurrer.from_pretrained("mild").predict(blurred)

    def value(image):
        return luminance(image[:, 8:-8, 8:-8] / 255.0)

    first = scores["images"][0]
    assert first["psnr_before"] == pytest.approx(
        peak_signal_noise_ratio(value(sharp[:1]), value(blurred))
    )
    assert first["psnr_after"] == pytest.approx(
        peak_signal_noise_ratio(value(sharp[:1]), value(estimate))
    )
    mean = np.mean([row["psnr_after"] for row in scores["images"]])
    assert scores["mean"]["psnr_after"] == pytest.approx(mean)
    table = run_pydbcnn("evaluate", "mild", dataset, "--rgb", "--border", 0).stdout
    assert "all channels, 0 pixels of border left out" in table
    assert table.count("\n") == 2 + 6 + 1


def test_evaluate_writes_a_report(run_pydbcnn, tmp_path, dataset):
    run_pydbcnn("evaluate", "mild", dataset, "--html", "report.html", "--quiet")
    page = (tmp_path / "report.html").read_text()
    assert page.count("<img ") == 18
    assert page.count('src="data:image/png;base64,') == 18
    assert "before:" in page
    assert "after:" in page
    result = run_pydbcnn("evaluate", "mild", dataset, "--html", "report.html", status=1)
    assert "exists already" in result.stderr


def test_evaluate_errors(run_pydbcnn, tmp_path, dataset):
    result = run_pydbcnn("evaluate", "wild", dataset, status=1)
    assert "no model or file 'wild'" in result.stderr
    result = run_pydbcnn("evaluate", "mild", tmp_path, status=1)
    assert "is not a deblur dataset" in result.stderr
    result = run_pydbcnn("evaluate", "mild", dataset, "--border", 16, status=1)
    assert "Lower --border" in result.stderr
    result = run_pydbcnn("evaluate", "mild", dataset, "--html", "no/r.html", status=1)
    assert "folder no of r.html does not exist" in result.stderr
    truncate(dataset / "sharp" / "0.png")
    result = run_pydbcnn("evaluate", "mild", dataset, status=1)
    assert "0.png" in result.stderr
