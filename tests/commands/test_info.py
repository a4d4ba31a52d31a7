"""The command info on real files, and its reports of blurs that are given."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from photo_samples import save_photo, truncate
from PIL import Image

from pydbcnn import Blur, GaussianBlurTransformer, Noise, _progress, estimate_blur
from pydbcnn._commands.blur_report import Reading, report_lines, sorted_readings
from pydbcnn._progress import progress_bar
from pydbcnn.cli import main
from pydbcnn.datasets import load_sample_images

SIGMAS = {"a.png": 2.4, "b.png": 1.2, "c.png": 0.0}


@pytest.fixture
def photos(tmp_path):
    """Three photographs, the first the most blurred, and one in a folder below."""
    part = load_sample_images()[0][100:260, 200:380]
    for name, sigma in SIGMAS.items():
        blurred = GaussianBlurTransformer(sigma).transform([part])[0]
        save_photo(tmp_path / "photos" / name, blurred)
    save_photo(tmp_path / "photos" / "below" / "d.png", part)
    return tmp_path / "photos"


def blur_of(path):
    with Image.open(path) as image:
        return estimate_blur([np.asarray(image)])[0]


def sigma_of(blur):
    """As the text tells it."""
    return "-" if blur.kind == "unknown" else f"{blur.sigma:.2f}"


def first_words(text):
    return [line.split()[0] for line in text.splitlines()]


# ------------------------------------------------------------------------ on real files


def test_info_tells_the_blur_of_each_photograph(run_pydbcnn, photos):
    shown = run_pydbcnn("info", "photos")
    assert shown.stderr == ""
    lines = shown.stdout.splitlines()
    assert len(lines) == 3
    for line, name in zip(lines, SIGMAS, strict=True):
        blur = blur_of(photos / name)
        assert line == f"photos/{name}  {sigma_of(blur):>5}  {blur}"


def test_info_as_json(run_pydbcnn, photos):
    shown = run_pydbcnn("info", "photos", "--json").stdout
    assert run_pydbcnn("info", "photos", "--format", "json").stdout == shown
    told = json.loads(shown)
    assert [photo["path"] for photo in told] == [f"photos/{name}" for name in SIGMAS]
    for photo, name in zip(told, SIGMAS, strict=True):
        blur = blur_of(photos / name)
        assert Blur.from_dict(photo["blur"]) == blur
        assert (photo["width"], photo["height"]) == (180, 160)
        assert photo["sigma"] == blur.sigma
        assert photo["description"] == str(blur)


def test_info_as_csv(run_pydbcnn, photos):
    shown = run_pydbcnn("info", "photos", "--csv").stdout
    assert run_pydbcnn("info", "photos", "--format", "csv").stdout == shown
    assert shown.splitlines()[0] == (
        "path,width,height,kind,sigma,sigma_major,sigma_minor,radius,length,angle,"
        "confidence,noise,description"
    )
    rows = list(csv.DictReader(io.StringIO(shown)))
    assert [row["path"] for row in rows] == [f"photos/{name}" for name in SIGMAS]
    for row, name in zip(rows, SIGMAS, strict=True):
        blur = blur_of(photos / name)
        assert (row["kind"], row["description"]) == (blur.kind, str(blur))
        assert float(row["sigma"]) == blur.sigma


def test_info_sorts(run_pydbcnn, photos):
    def order(*options):
        shown = run_pydbcnn("info", *options).stdout
        return [word.removeprefix("photos/") for word in first_words(shown)]

    assert order("photos", "--sort", "blur") == ["c.png", "b.png", "a.png"]
    assert order("photos", "--sort", "blur", "--reverse") == ["a.png", "b.png", "c.png"]
    named = "photos/b.png", "photos/a.png"
    assert order(*named) == ["b.png", "a.png"]
    assert order(*named, "--sort", "name") == ["a.png", "b.png"]
    assert order(*named, "--sort", "name", "--reverse") == ["b.png", "a.png"]


def test_info_looks_into_folders_below(run_pydbcnn, photos):
    shown = run_pydbcnn("info", "photos", "--recursive").stdout
    assert "photos/below/d.png" in first_words(shown)
    assert len(shown.splitlines()) == 4
    assert len(run_pydbcnn("info", "photos/[ab].*").stdout.splitlines()) == 2


def test_info_of_tiles(run_pydbcnn, photos):
    named = "info", "photos/a.png", "--tile-size", 96
    with Image.open(photos / "a.png") as image:
        pixels = np.asarray(image)
    (tiles,) = estimate_blur([pixels], tile_size=96)
    (photo,) = json.loads(run_pydbcnn(*named, "--json").stdout)
    assert Blur.from_dict(photo["blur"]) == blur_of(photos / "a.png")
    told = [[Blur.from_dict(blur) for blur in row] for row in photo["tiles"]]
    assert told == tiles.tolist()
    lines = run_pydbcnn(*named).stdout.splitlines()
    assert len(lines) == 1 + len(tiles)
    for line, row in zip(lines[1:], tiles, strict=True):
        assert line.split() == [sigma_of(blur) for blur in row]
    rows = list(csv.DictReader(io.StringIO(run_pydbcnn(*named, "--csv").stdout)))
    places = [(int(row["row"]), int(row["column"])) for row in rows]
    assert places == list(np.ndindex(tiles.shape))
    assert [row["description"] for row in rows] == [str(blur) for blur in tiles.flat]


def test_info_goes_on_after_what_cannot_be_read(run_pydbcnn, photos):
    truncate(photos / "b.png")
    (photos / "e.jpg").write_bytes(b"no photograph")
    shown = run_pydbcnn("info", "nothing.png", "photos", status=1)
    assert first_words(shown.stdout) == ["photos/a.png", "photos/c.png"]
    failed = [line.split(": ")[1] for line in shown.stderr.splitlines()]
    assert failed == ["nothing.png", "photos/b.png", "photos/e.jpg"]
    told = run_pydbcnn("info", "photos", "--json", status=1).stdout
    assert len(json.loads(told)) == 2
    assert json.loads(run_pydbcnn("info", "no", "--json", status=1).stdout) == []


@pytest.mark.parametrize("kind", ["grey", "alpha", "deep", "turned"])
def test_info_sees_what_deblur_sees(run_pydbcnn, tmp_path, photo, kind):
    """Colours as they are stored: without alpha, not turned, with all 16 bits."""
    pixels = GaussianBlurTransformer(1.6).transform(load_sample_images())[0][:200, :300]
    path = tmp_path / f"{kind}.png"
    if kind == "grey":
        pixels = pixels[..., 1]
        save_photo(path, pixels)
    elif kind == "alpha":
        alpha = np.arange(200 * 300).reshape(200, 300, 1).astype(np.uint8)
        save_photo(path, np.concatenate([pixels, alpha], axis=2))
    elif kind == "deep":
        pixels = pixels.astype(np.uint16) * 257
        cv2.imwrite(str(path), pixels[..., ::-1])
    else:
        with Image.open(photo) as image:
            save_photo(path, pixels, exif=image.getexif())
    (told,) = json.loads(run_pydbcnn("info", path.name, "--json").stdout)
    assert Blur.from_dict(told["blur"]) == estimate_blur([pixels])[0]
    assert (told["width"], told["height"]) == (300, 200)


@pytest.mark.parametrize(
    ("is_terminal", "options", "hidden"),
    [(True, (), False), (True, ("--quiet",), True), (False, (), True)],
)
def test_bars_are_for_terminals(photos, monkeypatch, is_terminal, options, hidden):
    made = []

    def recorded(*args, disable, **kwargs):
        made.append(disable)
        return progress_bar(*args, disable=True, **kwargs)

    monkeypatch.setattr(_progress, "progress_bar", recorded)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    assert main(["info", str(photos), *options]) == 0
    assert made == [hidden]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("photos", "--tile-size", 16), 1, "tile_size=16: expected an integer of at"),
        (("photos", "--tile-size", 0), 2, "expected an integer of at least 1"),
        (("photos", "--reverse"), 1, "name one with --sort"),
        (("photos", "--sort", "size"), 2, "invalid choice"),
        (("photos", "--format", "xml"), 2, "invalid choice"),
        (("--json",), 1, "name a file or a folder"),
        (("--sort", "blur"), 1, "name a file or a folder"),
    ],
)
def test_words_that_are_wrong(run_pydbcnn, photos, words, status, message):
    shown = run_pydbcnn("info", *words, status=status)
    assert message in shown.stderr
    assert shown.stdout == ""


def test_info_imports_only_what_it_needs(photos):
    code = f"""
import sys
from pydbcnn.cli import main
assert main(["info", {str(photos)!r}]) == 0
unneeded = {{"sklearn", "scipy", "skimage", "joblib", "asyncio", "tifffile"}}
print(sorted(unneeded & set(sys.modules)))
"""
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert shown.stdout.splitlines()[-1] == "[]"


# ------------------------------------------------------------- reports of what is given

READINGS = [
    Reading(Path("soft, too.png"), 8, 6, Blur.motion(5, 20, noise=Noise.white(2))),
    Reading(Path("flat.png"), 1, 2, Blur.unknown(noise=Noise.white(0.5))),
    Reading(Path("sharp.png"), 30, 20, Blur.none(confidence=0.9)),
    Reading(Path("ellipse.png"), 3, 4, Blur.gaussian(2.5, 1, 30)),
]


def names(readings):
    return [reading.path.stem for reading in readings]


def test_what_is_not_known_comes_last():
    by_blur = sorted_readings(READINGS, "blur")
    assert names(by_blur) == ["sharp", "soft, too", "ellipse", "flat"]
    by_blur = sorted_readings(iter(READINGS), "blur", reverse=True)
    assert names(by_blur) == ["ellipse", "soft, too", "sharp", "flat"]
    by_noise = sorted_readings(READINGS, "noise")
    assert names(by_noise) == ["flat", "soft, too", "sharp", "ellipse"]
    by_noise = sorted_readings(READINGS, "noise", reverse=True)
    assert names(by_noise) == ["soft, too", "flat", "sharp", "ellipse"]


def test_text_of_all_kinds():
    sigma = Blur.motion(5, 20).sigma
    assert list(report_lines(READINGS, "text", name_width=13)) == [
        f"soft, too.png  {sigma:5.2f}  motion of 5.0 pixels at 20 degrees, "
        "noise 2.0 levels",
        "flat.png           -  cannot tell, noise 0.5 levels",
        "sharp.png       0.00  sharp",
        "ellipse.png     1.90  Gaussian blur of 2.5 x 1.0 pixels at 30 degrees",
    ]


def test_csv_of_all_kinds():
    text = "\n".join(report_lines(READINGS, "csv", name_width=13))
    soft, flat, sharp, ellipse = csv.DictReader(io.StringIO(text))
    assert soft["path"] == "soft, too.png"
    assert [soft[name] for name in ("length", "angle", "noise")] == [
        "5.0",
        "20.0",
        "2.0",
    ]
    assert [flat[name] for name in ("kind", "sigma", "noise")] == ["unknown", "", "0.5"]
    assert [sharp[name] for name in ("sigma", "confidence")] == ["0.0", "0.9"]
    assert [ellipse[name] for name in ("sigma_major", "sigma_minor")] == ["2.5", "1.0"]


def test_json_of_all_kinds():
    text = "\n".join(report_lines(READINGS, "json", name_width=13))
    told = json.loads(text)
    for photo, reading in zip(told, READINGS, strict=True):
        assert Blur.from_dict(photo["blur"]) == reading.blur
    assert told[1]["sigma"] is None
    assert len(text.splitlines()) == len(READINGS) + 2


@pytest.mark.parametrize("kind", ["text", "json", "csv"])
def test_lines_come_as_photographs_are_read(kind):
    """Of a large folder something is seen at once."""
    read = []

    def reading():
        for photo in READINGS:
            read.append(photo)
            yield photo

    lines = report_lines(reading(), kind, name_width=13)
    for _ in range(2):  # JSON and CSV begin with a line of their own
        next(lines)
    assert len(read) <= 2
