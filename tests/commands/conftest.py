"""Files that the commands work on."""

import pytest
from photo_samples import ORIENTATION, save_photo
from PIL import Image


@pytest.fixture
def photo(tmp_path, blurred):
    """A blurred JPEG that lies on its side."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[0x010F] = "Camera maker"
    save_photo(tmp_path / "photo.jpg", blurred[0], quality=95, exif=exif)
    return tmp_path / "photo.jpg"


@pytest.fixture
def dataset(tmp_path, sharp, run_pydbcnn):
    """A dataset of six pairs, blurred with sigma 1.6."""
    (tmp_path / "photos").mkdir()
    for index, image in enumerate(sharp):
        save_photo(tmp_path / "photos" / f"{index}.png", image)
    run_pydbcnn("make-dataset", "photos", "pairs", "--sigma", 1.6, "--quiet")
    return tmp_path / "pairs"
