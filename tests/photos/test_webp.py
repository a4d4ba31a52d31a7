"""WebP files read and written by other programs, compared with ours."""

import numpy as np
import pytest
from photo_samples import exif_block, joined, photo_of, samples
from PIL import Image

from pydbcnn._photos import read_photo, write_photo


@pytest.mark.parametrize("lossless", [False, True])
def test_webp_stays_as_lossless_as_it_was(tmp_path, lossless):
    original, copy = tmp_path / "original.webp", tmp_path / "copy.webp"
    Image.fromarray(samples("colour with alpha")).save(
        original, lossless=lossless, exif=b"Exif\0\0" + exif_block()
    )
    photo = read_photo(original)
    assert photo.lossless == lossless
    write_photo(copy, photo, quality=60)
    same = np.array_equal(np.asarray(Image.open(copy)), joined(photo))
    assert same == lossless


def test_webp_keeps_the_colours_of_transparent_pixels(tmp_path):
    array = samples("colour with alpha")
    array[..., 3] = 0
    path = tmp_path / "photo.webp"
    write_photo(path, photo_of(array))
    np.testing.assert_array_equal(np.asarray(Image.open(path)), array)
    np.testing.assert_array_equal(joined(read_photo(path)), array)
