"""DBCNNDeblurrer predicts with weights that depend on the blur, learned or given."""

import numpy as np
import pytest
from quick_aware import from_weights

from pydbcnn import DBCNNDeblurrer
from pydbcnn._restoration.model import SHARP_BELOW
from pydbcnn.backends.reference import ReferenceBackend
from pydbcnn.metrics import peak_signal_noise_ratio


def test_predict_with_a_known_blur_is_the_plain_network_for_it(soft, aware):
    """The reference computes that network, with the filter and polynomials of sigma."""
    sigmas = [0.7, 1.0, 1.3]
    images = soft[:3] / 255.0
    expected = np.concatenate(
        [
            ReferenceBackend().forward(
                *aware._weights.at(aware._params().astype(float), sigma),
                image[np.newaxis],
                data_range=1.0,
            )
            for sigma, image in zip(sigmas, images, strict=True)
        ]
    )
    for given in (sigmas, tuple(sigmas), np.array(sigmas)):
        np.testing.assert_allclose(aware.predict(images, given), expected, atol=1e-5)
    for given in (1.0, np.float32(1.0), np.array(1.0), [1.0] * 3):
        np.testing.assert_allclose(
            aware.predict(images, given)[1], expected[1], atol=1e-5
        )
    as_list = aware.predict([images[0], images[1, :20, :30]], sigmas[:2])
    np.testing.assert_allclose(as_list[0], expected[0], atol=1e-5)
    assert as_list[1].shape == (20, 30, 3)
    tiles = [np.full((2, 3), sigma) for sigma in sigmas]
    varying = aware.predict(images, sigma=tiles)
    # Between levels of sigma, estimates are interpolated.
    np.testing.assert_allclose(varying, expected, atol=0.05)
    np.testing.assert_array_equal(aware.predict(images, 0.0), images)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_types_come_back(soft, aware, dtype):
    factor = {"uint8": 1, "uint16": 257}.get(dtype, 1 / 255)
    images = (soft[:2] * np.float64(factor)).astype(dtype)
    output = aware.predict(images, 1.0)
    assert output.dtype == dtype
    expected = aware.predict(soft[:2] / 255.0, 1.0) * 255 * factor
    if dtype.startswith("u"):
        expected = np.clip(np.rint(expected), 0, np.iinfo(dtype).max)
    np.testing.assert_allclose(output, expected, atol=1.0 if factor >= 1 else 1e-5)


def test_blind_prediction_is_that_for_the_estimate(soft, aware):
    regressor = aware.blur_estimator_.regressor_
    cautious = np.array([regressor.cautious_sigma(image, 255.0) for image in soft])
    assert (cautious <= aware.estimate_blur(soft)).all()
    undone = np.where(cautious < SHARP_BELOW, 0.0, cautious)
    np.testing.assert_array_equal(aware.predict(soft), aware.predict(soft, undone))
    expected = peak_signal_noise_ratio(soft, aware.predict(soft, 1.0))
    assert aware.score(soft, soft, 1.0) == pytest.approx(expected)


def test_from_weights(soft, aware):
    model = from_weights(aware)
    assert model.n_basis_functions == 2
    assert model.blur_estimator_ is None
    np.testing.assert_array_equal(model.predict(soft, 1.0), aware.predict(soft, 1.0))
    with pytest.raises(ValueError, match=r"does not estimate the blur: pass sigma"):
        model.predict(soft)
    with pytest.raises(ValueError, match=r"does not estimate the blur: pass sigma"):
        model.predict(soft, tile_size=32)
    with pytest.raises(ValueError, match=r"does not estimate the blur"):
        model.estimate_blur(soft)
    blind = from_weights(aware, blur_estimator=aware.blur_estimator_)
    np.testing.assert_array_equal(blind.predict(soft), aware.predict(soft))


BAD_WEIGHTS = {
    "no range": (dict(sigma_range=None), r"sigma_range=None.*two sigmas, 0\.3 <= low"),
    "reversed": (dict(sigma_range=(2.0, 1.0)), r"sigma_range=\(2\.0, 1\.0\)"),
    "too low": (dict(sigma_range=(0.1, 1.0)), r"sigma_range=\(0\.1, 1\.0\)"),
    "too high": (dict(sigma_range=(0.5, 11.0)), r"sigma_range=.*high <= 10, in pixels"),
    "NaN": (dict(sigma_range=(0.5, float("nan"))), r"sigma_range=\(0\.5, nan\)"),
    "text": (dict(sigma_range=("0.5", "1")), r"sigma_range=\('0\.5', '1'\)"),
    "kernels": (
        dict(back_projection_coefs=[(np.zeros((2, 17, 17)), np.zeros((2, 8, 8)))]),
        r"kernel of back-projection 1 has shape \(8, 8\): expected \(9, 9\)",
    ),
    "one kernel": (
        dict(back_projection_coefs=[(np.zeros((2, 17, 17)),)]),
        r"back-projection 1 has 1 arrays: expected two",
    ),
    "too many": (
        dict(back_projection_coefs=[(np.zeros((2, 17, 17)), np.zeros((2, 9, 9)))] * 5),
        "n_back_projections=5: expected 0 to 4",
    ),
    "axes": (
        dict(back_projection_coefs=[(np.zeros((17, 17)), np.zeros((9, 9)))]),
        r"reblurs\.0 has shape \(17, 17\): expected 3 axes, the first of 2 basis",
    ),
    "two arrays": (
        dict(combination_coefs=(np.zeros((2, 3, 3)), np.zeros((2, 3, 3)))),
        "combination has 2 arrays: expected three",
    ),
    "combination": (
        dict(combination_coefs=(*np.zeros((2, 2, 3, 4)), np.zeros((2, 3)))),
        r"combination has an array of shape \(3, 4\): expected \(3, 3\)",
    ),
}


@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_bad_weights(aware, name):
    change, message = BAD_WEIGHTS[name]
    with pytest.raises(ValueError, match=message):
        from_weights(aware, **change)


def test_every_polynomial_must_be_finite(aware):
    coefs = [coef.copy() for coef in aware.coefs_]
    coefs[1][1, 0, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"coefs\.1 holds float32 values that are not"):
        DBCNNDeblurrer.from_weights(
            coefs, aware.intercepts_, sigma_range=aware.sigma_range_
        )


def test_plain_models_take_no_blur(fitted, blurred):
    for given in ({"sigma": 1.0}, {"tile_size": 64}):
        with pytest.raises(ValueError, match=r"same for every blur.*leave them out"):
            fitted.predict(blurred, **given)
    with pytest.raises(ValueError, match="same for every blur"):
        fitted.score(blurred, blurred, sigma=1.0)
    with pytest.raises(ValueError, match=r"does not estimate.*nothing in it depends"):
        fitted.estimate_blur(blurred)


def test_bad_blurs(soft, aware):
    with pytest.raises(ValueError, match=r"tile_size=64 .*but sigma is given"):
        aware.predict(soft, 1.0, tile_size=64)
    with pytest.raises(ValueError, match=r"sigma holds 2 value\(s\) for 6 image\(s\)"):
        aware.predict(soft, [1.0, 2.0])
    for sigma in (-1.0, float("nan"), [[1.0]] * 6):
        with pytest.raises(ValueError, match="expected the standard deviation"):
            aware.predict(soft, sigma)
    for tile_size in (0, 31, 64.0):
        with pytest.raises(ValueError, match=f"tile_size={tile_size}: expected"):
            aware.predict(soft, tile_size=tile_size)
