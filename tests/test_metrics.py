"""PSNR and SSIM against scikit-image and formulas."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio as skimage_psnr
from skimage.metrics import structural_similarity as skimage_ssim

from pydbcnn.metrics import (
    peak_signal_noise_ratio,
    psnr_scorer,
    ssim_scorer,
    structural_similarity,
)


def test_psnr_is_the_mean_of_scikit_images(sharp, blurred):
    expected = np.mean(
        [skimage_psnr(true, pred) for true, pred in zip(sharp, blurred, strict=True)]
    )
    assert peak_signal_noise_ratio(sharp, blurred) == pytest.approx(expected)
    assert peak_signal_noise_ratio(list(sharp), list(blurred)) == pytest.approx(
        expected
    )
    floats = sharp / 255.0, blurred / 255.0
    assert peak_signal_noise_ratio(*floats) == pytest.approx(expected)
    scaled = sharp.astype(float), blurred.astype(float)
    assert peak_signal_noise_ratio(*scaled, data_range=255) == pytest.approx(expected)


def test_psnr_of_known_errors():
    true = np.zeros((2, 4, 5))
    assert peak_signal_noise_ratio(true, true + 0.1) == pytest.approx(20.0)
    assert peak_signal_noise_ratio(true, true) == 100.0
    # Rows of pixels: one image each.
    rows = np.zeros((2, 5))
    estimate = rows + np.array([[0.1], [0.01]])
    assert peak_signal_noise_ratio(rows, estimate) == pytest.approx(30.0)


def test_ssim_is_the_mean_of_scikit_images(sharp, blurred):
    settings = dict(
        gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=-1
    )
    expected = np.mean(
        [
            skimage_ssim(true / 255, pred / 255, data_range=1.0, **settings)
            for true, pred in zip(sharp, blurred, strict=True)
        ]
    )
    assert structural_similarity(sharp, blurred) == pytest.approx(expected, abs=1e-9)
    assert structural_similarity(sharp, sharp) == pytest.approx(1.0)


def test_scorers_predict_and_compare(fitted, sharp, blurred):
    estimate = fitted.predict(blurred)
    assert psnr_scorer(fitted, blurred, sharp) == pytest.approx(
        peak_signal_noise_ratio(sharp, estimate)
    )
    assert ssim_scorer(fitted, blurred, sharp) == pytest.approx(
        structural_similarity(sharp, estimate)
    )


@pytest.mark.parametrize("measure", [peak_signal_noise_ratio, structural_similarity])
def test_images_that_do_not_match(measure, sharp):
    with pytest.raises(ValueError, match=r"do not match: 6 image.* against 5"):
        measure(sharp, sharp[:5])
    with pytest.raises(ValueError, match=r"do not match.*\(40, 48, 3\).*\(39, 48, 3\)"):
        measure(sharp, sharp[:, 1:])
    with pytest.raises(ValueError, match="y_pred contains NaN"):
        measure(sharp / 255.0, sharp * np.nan)
    with pytest.raises(ValueError, match=r"data_range=-1.*positive"):
        measure(sharp, sharp, data_range=-1)


def test_ssim_says_how_large_images_must_be():
    small = np.zeros((1, 10, 30))
    with pytest.raises(ValueError, match=r"11 x 11 pixels, but an image is 10 x 30"):
        structural_similarity(small, small)
