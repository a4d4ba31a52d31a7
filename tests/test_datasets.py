"""Datasets on disk: pairs, manifest, interruption, bad input."""

import json

import cv2
import numpy as np
import pytest

from pydbcnn.datasets import (
    load_deblur_dataset,
    load_sample_images,
    make_deblur_dataset,
)


@pytest.fixture
def photos(tmp_path, sharp):
    """A folder of four sharp photographs."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name, image in zip(
        ("a.png", "b.png", "c.PNG", "more/d.png"), sharp, strict=False
    ):
        cv2.imwrite(str(folder / name), image[..., ::-1])
    return folder


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_pairs_are_opencvs(photos, tmp_path, sharp):
    summary = make_deblur_dataset(photos, tmp_path / "pairs", sigma=1.6, quiet=True)
    assert (summary.n_made, summary.n_kept, summary.problems) == (3, 0, [])
    dataset = load_deblur_dataset(tmp_path / "pairs")
    assert dataset.files == ["a.png", "b.png", "c.PNG"]
    for X, y, image in zip(dataset.X, dataset.y, sharp, strict=False):
        np.testing.assert_array_equal(y, image)
        expected = cv2.GaussianBlur(
            image, (15, 15), 1.6, borderType=cv2.BORDER_REFLECT_101
        )
        np.testing.assert_array_equal(X, expected)


def test_manifest_says_what_was_done(photos, tmp_path):
    make_deblur_dataset(
        photos, tmp_path / "pairs", sigma=(0.5, 3.0), seed=7, recursive=True, quiet=True
    )
    manifest = json.loads((tmp_path / "pairs" / "manifest.json").read_text())
    assert manifest["complete"] is True
    assert manifest["settings"]["seed"] == 7
    assert [entry["file"] for entry in manifest["images"]] == [
        "a.png",
        "b.png",
        "c.PNG",
        "more/d.png",
    ]
    for entry in manifest["images"]:
        assert 0.5 <= entry["sigma"] <= 3.0
        assert entry["kernel_size"] == 2 * int(np.ceil(4 * entry["sigma"])) + 1
        assert (entry["height"], entry["width"], entry["channels"]) == (40, 48, 3)
        for side in ("sharp", "blurred"):
            assert (tmp_path / "pairs" / entry[side]).is_file()
    assert len({entry["sigma"] for entry in manifest["images"]}) == 4


def test_same_seed_same_files(photos, tmp_path):
    for name, seed in (("first", 1), ("second", 1), ("third", 2)):
        make_deblur_dataset(
            photos, tmp_path / name, sigma=(0.5, 3.0), seed=seed, quiet=True
        )
    assert contents(tmp_path / "first") == contents(tmp_path / "second")
    assert contents(tmp_path / "first") != contents(tmp_path / "third")


def test_more_photographs_leave_the_others_as_they_are(photos, tmp_path):
    make_deblur_dataset(photos, tmp_path / "few", sigma=(0.5, 3.0), quiet=True)
    make_deblur_dataset(
        photos, tmp_path / "many", sigma=(0.5, 3.0), recursive=True, quiet=True
    )
    few, many = contents(tmp_path / "few"), contents(tmp_path / "many")
    del few["manifest.json"]
    assert few.items() < many.items()


def test_an_interrupted_run_ends_with_the_same_files(photos, tmp_path, monkeypatch):
    make_deblur_dataset(photos, tmp_path / "whole", sigma=(0.5, 3.0), quiet=True)
    from pydbcnn import datasets

    write, written = datasets.write_photo, []

    def interrupted(path, photo, **kwargs):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path)
        write(path, photo, **kwargs)

    monkeypatch.setattr(datasets, "write_photo", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_deblur_dataset(photos, tmp_path / "parts", sigma=(0.5, 3.0), quiet=True)
    with pytest.raises(ValueError, match=r"unfinished.*again"):
        load_deblur_dataset(tmp_path / "parts")
    monkeypatch.setattr(datasets, "write_photo", write)
    summary = make_deblur_dataset(
        photos, tmp_path / "parts", sigma=(0.5, 3.0), quiet=True
    )
    assert (summary.n_made, summary.n_kept) == (2, 1)
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_other_settings_are_refused(photos, tmp_path):
    make_deblur_dataset(photos, tmp_path / "pairs", sigma=1.6, quiet=True)
    with pytest.raises(ValueError, match=r"other settings \(sigma, seed differ\)"):
        make_deblur_dataset(photos, tmp_path / "pairs", sigma=1.7, seed=1, quiet=True)
    with pytest.raises(ValueError, match=r"photos is not a deblur dataset"):
        make_deblur_dataset(photos, photos, quiet=True)


def test_bad_photographs_are_named_and_the_rest_goes_on(photos, tmp_path):
    (photos / "empty.png").touch()
    (photos / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0broken")
    summary = make_deblur_dataset(photos, tmp_path / "pairs", quiet=True)
    assert summary.n_made == 3
    assert len(summary.problems) == 2
    assert "cut.jpg" in summary.problems[0]
    assert "empty.png" in summary.problems[1]
    assert len(load_deblur_dataset(tmp_path / "pairs").X) == 3


def test_same_stem_twice(tmp_path, sharp):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "a.jpg"):
        cv2.imwrite(str(folder / name), sharp[0])
    make_deblur_dataset(folder, tmp_path / "pairs", quiet=True)
    assert sorted(p.name for p in (tmp_path / "pairs" / "sharp").iterdir()) == [
        "a_jpg.png",
        "a_png.png",
    ]


def test_names_that_could_meet(tmp_path, sharp):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, image in zip(("a.jpg", "a.png", "a_jpg.png"), sharp, strict=False):
        cv2.imwrite(str(folder / name), image)
    summary = make_deblur_dataset(folder, tmp_path / "pairs", quiet=True)
    assert summary.n_made == 3
    dataset = load_deblur_dataset(tmp_path / "pairs")
    np.testing.assert_array_equal(dataset.y[2], sharp[2][..., ::-1])


def test_a_dataset_inside_the_photographs_goes_on(photos):
    for n_made, n_kept in ((4, 0), (0, 4)):
        summary = make_deblur_dataset(
            photos, photos / "pairs", recursive=True, quiet=True
        )
        assert (summary.n_made, summary.n_kept) == (n_made, n_kept)


def test_alpha_that_is_left_out_is_named(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), np.full((20, 20, 4), 100, np.uint8))
    summary = make_deblur_dataset(folder, tmp_path / "pairs", quiet=True)
    assert summary.problems == []
    assert [note.endswith("a.png: alpha is not kept") for note in summary.notes] == [
        True
    ]


def test_channels_are_brought_together(tmp_path, sharp):
    folder = tmp_path / "photos"
    folder.mkdir()
    cv2.imwrite(str(folder / "colour.png"), sharp[0][..., ::-1])
    cv2.imwrite(str(folder / "grey.png"), sharp[1][..., 0])
    make_deblur_dataset(folder, tmp_path / "pairs", quiet=True)
    with pytest.raises(ValueError, match=r"grey.png and colour.png differ.*channels=3"):
        load_deblur_dataset(tmp_path / "pairs")
    colour = load_deblur_dataset(tmp_path / "pairs", channels=3)
    np.testing.assert_array_equal(colour.y[1][..., 2], sharp[1][..., 0])
    grey = load_deblur_dataset(tmp_path / "pairs", channels=1)
    expected = np.rint(sharp[0] @ [0.299, 0.587, 0.114])
    np.testing.assert_array_equal(grey.y[0], expected)
    with pytest.raises(ValueError, match="channels=2"):
        load_deblur_dataset(tmp_path / "pairs", channels=2)


BAD = {
    "no folder": ({"sharp_dir": "nowhere"}, "is not a folder"),
    "no photographs": ({"sharp_dir": "."}, "no photographs"),
    "negative sigma": ({"sigma": -1.0}, "sigma"),
    "range": ({"sigma": (2.0, 1.0)}, "sigma"),
    "even kernel": ({"kernel_size": 4}, "kernel_size=4 is even"),
    "seed": ({"seed": -1}, "seed=-1"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name, photos, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    params, message = BAD[name]
    arguments = {"sharp_dir": photos, "out_dir": tmp_path / "pairs"} | params
    with pytest.raises(ValueError, match=message):
        make_deblur_dataset(**arguments, quiet=True)


def test_manifests_from_elsewhere_are_checked(photos, tmp_path):
    pairs = tmp_path / "pairs"
    make_deblur_dataset(photos, pairs, quiet=True)
    path = pairs / "manifest.json"
    good = json.loads(path.read_text())

    def load_with(change):
        manifest = json.loads(json.dumps(good))
        change(manifest)
        path.write_text(json.dumps(manifest))
        return load_deblur_dataset(pairs)

    with pytest.raises(ValueError, match="outside its folder"):
        load_with(lambda m: m["images"][0].update(sharp="../photos/a.png"))
    with pytest.raises(ValueError, match="manifest says 41 x 48"):
        load_with(lambda m: m["images"][0].update(height=41))
    for change in (
        lambda m: m["images"][0].pop("blurred"),
        lambda m: m["images"][0].update(sigma="wide"),
        lambda m: m.update(images=5),
    ):
        with pytest.raises(ValueError, match="not a manifest"):
            load_with(change)
    with pytest.raises(ValueError, match="empty dataset"):
        load_with(lambda m: m.update(images=[]))
    with pytest.raises(ValueError, match="not a manifest"):
        load_with(lambda m: m.update(format="other"))
    path.write_text("[" * 100000)
    with pytest.raises(ValueError, match="not a manifest"):
        load_deblur_dataset(pairs)
    with pytest.raises(ValueError, match=r"has no manifest\.json"):
        load_deblur_dataset(photos)


def test_sample_images():
    images = load_sample_images()
    assert [image.shape for image in images] == [(427, 640, 3)] * 2
    assert all(image.dtype == np.uint8 and image.flags.writeable for image in images)
