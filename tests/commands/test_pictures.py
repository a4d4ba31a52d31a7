"""Pictures that the commands draw: images side by side, and curves."""

import numpy as np
import pytest

from pydbcnn._commands.pictures import draw_curves, save_png, side_by_side


def test_side_by_side_shows_the_images(tmp_path):
    images = [np.full((20, 30, 3), value, np.uint8) for value in (10, 200)]
    picture = side_by_side(images, ["one", "two\nlines"], scale=2)
    pixels = np.asarray(picture)
    for value in (10, 200):
        assert (pixels == value).all(axis=-1).sum() >= 40 * 60
    save_png(tmp_path / "picture.png", picture)
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("values", [[1.0], [3.0, 2.0, 1.0], [1.0, 1.0], [1e-5, 1e3]])
def test_curves_are_drawn(values):
    pixels = np.asarray(
        draw_curves({"loss": (values, "log"), "PSNR": (values, "linear")}, "epoch")
    )
    line = (pixels == (0x1F, 0x6F, 0xB2)).all(axis=-1)
    half = len(pixels) // 2
    assert line[:half].any()
    assert line[half:].any()
