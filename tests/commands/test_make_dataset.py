"""The command make-dataset on real files, in a process of its own."""

import json

import cv2
import numpy as np
import pytest
from photo_samples import save_photo, truncate
from PIL import Image


def test_make_dataset(run_pydbcnn, tmp_path, sharp):
    (tmp_path / "photos").mkdir()
    for index, image in enumerate(sharp):
        save_photo(tmp_path / "photos" / f"{index}.png", image)
    save_photo(tmp_path / "photos" / "cut.jpg", sharp[0])
    truncate(tmp_path / "photos" / "cut.jpg")
    result = run_pydbcnn(
        "make-dataset", "photos", "pairs", "--sigma", 0.5, 3, "--seed", 3, status=1
    )
    assert "cut.jpg" in result.stderr
    assert result.stdout == "pairs: 6 pairs made, 1 failed\n"
    manifest = json.loads((tmp_path / "pairs" / "manifest.json").read_text())
    entry = manifest["images"][2]
    expected = cv2.GaussianBlur(sharp[2], (entry["kernel_size"],) * 2, entry["sigma"])
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "pairs" / entry["blurred"])), expected
    )
    result = run_pydbcnn(
        "make-dataset", "photos", "pairs", "--sigma", 0.5, 3, "--seed", 3, status=1
    )
    assert result.stdout == "pairs: 0 pairs made, 6 were there, 1 failed\n"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("photos", "pairs"), 2, "--sigma"),
        (
            ("photos", "pairs", "--sigma", "-1"),
            2,
            "'-1': expected a number of at least 0",
        ),
        (("photos", "pairs", "--sigma", 1, 2, 3), 2, "one value or two"),
        (("photos", "pairs", "--sigma", 3, 1), 1, "0 <= low <= high"),
        (("photos", "pairs", "--sigma", "1e9"), 1, "pass a smaller sigma"),
        (
            ("photos", "pairs", "--sigma", 1, "--kernel-size", 4),
            2,
            "'4': expected an odd",
        ),
        (("nowhere", "pairs", "--sigma", 1), 1, "nowhere is not a folder"),
        (("photos", "photos", "--sigma", 1), 1, "not a deblur dataset"),
    ],
)
def test_make_dataset_errors(run_pydbcnn, tmp_path, sharp, arguments, status, message):
    (tmp_path / "photos").mkdir()
    save_photo(tmp_path / "photos" / "a.png", sharp[0])
    result = run_pydbcnn("make-dataset", *arguments, status=status)
    assert message in result.stderr
    assert not (tmp_path / "pairs").exists()
