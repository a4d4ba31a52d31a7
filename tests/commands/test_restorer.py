"""One photograph through a model, whatever the channels of both.

The models are made by hand, so that nothing depends on those that ship.
"""

import numpy as np
import pytest
from blur_models import deblurrer_that_sees
from blur_models import restored as through
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from pydbcnn._commands import restorer as restorer_module
from pydbcnn._commands.restorer import Restorer
from pydbcnn._pixels.values import as_pixels, luminance
from pydbcnn.datasets import load_sample_images

WHITE = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0, "float64": 1.0}


@pytest.fixture
def restorer_that_sees(tmp_path):
    def make(sigma, n_channels=1):
        path = tmp_path / f"{sigma}_{n_channels}.safetensors"
        deblurrer_that_sees(sigma, n_channels).save(path)
        return Restorer(str(path))

    return make


@pytest.fixture(scope="module")
def photo():
    """A photograph that is higher than two bands of rows."""
    return np.concatenate([image[:, 200:260] for image in load_sample_images()])[:700]


HOW = {
    "blind": {},
    "known": {"sigma": 0.9},
    "sharp": {"sigma": 0.0},
    "tiles": {"tile_size": 100},
}
HOW = {name: {"clipped": "none"} | how for name, how in HOW.items()}


@pytest.mark.parametrize("dtype", WHITE)
@pytest.mark.parametrize("how", HOW)
def test_a_grey_model_restores_the_luminance_of_colours(
    restorer_that_sees, photo, dtype, how
):
    restorer = restorer_that_sees(1.4)
    sigma = HOW[how].get("sigma", 1.4)
    pixels = as_pixels(photo[:300] / 255 * WHITE[dtype], dtype)
    done = []
    result = restorer.restore(pixels, done.append, **HOW[how])
    assert sum(done) == 300 * 60
    assert result.dtype == dtype
    grey = pixels.astype(float) @ [0.299, 0.587, 0.114]
    given = {"tile_size": 100} if how == "tiles" else {"sigma": [sigma]}
    restored = through(
        restorer.trained,
        restorer.backend,
        grey[np.newaxis, ..., np.newaxis],
        data_range=WHITE[dtype],
        **given,
    )[0]
    expected = as_pixels(pixels + restored - grey[..., np.newaxis], dtype)
    step = 1 if dtype.startswith("u") else 0  # pixels rounded to the other side
    tolerance = step + 3e-6 * WHITE[dtype]
    np.testing.assert_allclose(
        result.astype(float), expected.astype(float), atol=tolerance
    )
    if how == "sharp":
        np.testing.assert_array_equal(result, pixels)
    else:
        assert np.abs(result.astype(float) - pixels).max() > 0.01 * WHITE[dtype]


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("how", HOW)
def test_bands_leave_no_trace(restorer_that_sees, photo, monkeypatch, dtype, how):
    restorer = restorer_that_sees(1.4)
    pixels = as_pixels(photo / 255 * WHITE[dtype], dtype)
    in_bands = restorer.restore(pixels, **HOW[how])
    monkeypatch.setattr(restorer_module, "_BAND_ROWS", len(pixels))
    np.testing.assert_array_equal(in_bands, restorer.restore(pixels, **HOW[how]))


def test_blind_restoration_looks_at_the_colours(restorer_that_sees, photo):
    """All bands share one estimate, and a photo that looks sharp stays as it is."""
    restorer = restorer_that_sees(1.4)
    np.testing.assert_array_equal(
        restorer.restore(photo), restorer.restore(photo, sigma=1.4)
    )
    sharp = restorer_that_sees(0.45)
    assert sharp.estimate_blur(photo) == pytest.approx(0.45)
    np.testing.assert_array_equal(sharp.restore(photo), photo)
    np.testing.assert_array_equal(sharp.restore(photo[..., 0]), photo[..., 0])


def test_channels_of_models_and_of_photographs(restorer_that_sees, photo):
    grey_model, colour_model = (restorer_that_sees(1.4, n) for n in (1, 3))
    colour, grey = photo[:80], photo[:80, :, 1]
    np.testing.assert_array_equal(
        colour_model.restore(colour),
        deblurrer_that_sees(1.4, 3).predict(colour[np.newaxis])[0],
    )
    expected = deblurrer_that_sees(1.4).predict(grey[np.newaxis])[0]
    np.testing.assert_array_equal(grey_model.restore(grey), expected)
    np.testing.assert_array_equal(
        grey_model.restore(grey[..., np.newaxis]), expected[..., np.newaxis]
    )
    as_colours = np.repeat(grey[..., np.newaxis], 3, axis=2)
    expected = np.rint(luminance(colour_model.restore(as_colours)))
    np.testing.assert_array_equal(colour_model.restore(grey), expected)
    np.testing.assert_array_equal(
        colour_model.restore(grey[..., np.newaxis]), expected[..., np.newaxis]
    )
    planes = grey_model.restore(colour[..., :2])
    for channel in range(2):
        np.testing.assert_array_equal(
            planes[..., channel], grey_model.restore(colour[..., channel])
        )
    with pytest.raises(ValueError, match=r"takes 3 channels and gives 3.*2 channel"):
        colour_model.restore(colour[..., :2])


def test_what_a_model_knows_about_the_blur(restorer_that_sees, photo, tmp_path, fitted):
    aware = restorer_that_sees(1.4)
    assert aware.trained.estimates_blur
    assert aware.estimate_blur(photo) == pytest.approx(1.4, abs=1e-3)
    assert aware.estimate_blur(photo[..., 0], 350).shape == (2, 1)
    told = restorer_that_sees(None)
    assert not told.trained.estimates_blur
    with pytest.raises(ValueError, match="does not estimate the blur: pass sigma"):
        told.restore(photo)
    with pytest.raises(ValueError, match="does not estimate the blur: pass sigma"):
        told.restore(photo, tile_size=64)
    with pytest.raises(ValueError, match=r"does not estimate .* choose a model"):
        told.estimate_blur(photo)
    assert told.restore(photo, sigma=1.0).shape == photo.shape
    fitted.save(tmp_path / "plain.safetensors")
    plain = Restorer(str(tmp_path / "plain.safetensors"))
    assert not plain.trained.estimates_blur
    assert plain.restore(photo[:50]).shape == (50, 60, 3)
    for how in ({"sigma": 1.0}, {"tile_size": 64}):
        with pytest.raises(ValueError, match="is the same for every blur: leave sigma"):
            plain.restore(photo, **how)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"sigma": 1.0, "tile_size": 64}, "tile_size=64 .* sigma is given.*exclude"),
        ({"tile_size": 16}, "tile_size=16.*at least 32"),
        ({"sigma": -1.0}, "sigma=-1.0: expected the standard deviation"),
        ({"sigma": np.nan}, "sigma=nan"),
        ({"sigma": "much"}, "sigma='much'"),
    ],
)
def test_a_blur_that_makes_no_sense(restorer_that_sees, photo, how, message):
    with pytest.raises(ValueError, match=message):
        restorer_that_sees(1.4).restore(photo, **how)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("blur.0.coefs.0", np.array(1.0), "network 0 .* one number"),
        ("blur.scale", np.zeros(125), "scale .* not above 0"),
        ("blur.extra", np.zeros(1), r"unexpected arrays \['extra'\]"),
    ],
)
def test_files_with_a_damaged_estimator_are_refused(tmp_path, name, array, message):
    path = tmp_path / "model.safetensors"
    deblurrer_that_sees(1.4).save(path)
    with safe_open(path, framework="np") as file:
        metadata = file.metadata()
    save_file(load_file(path) | {name: array}, path, metadata)
    with pytest.raises(ValueError, match=f"is a damaged pydbcnn model: .*{message}"):
        Restorer(str(path))
