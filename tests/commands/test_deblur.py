"""The command deblur on real files, in a process of its own."""

import json
import re

import cv2
import numpy as np
import pytest
from blur_models import deblurrer_that_sees
from photo_samples import ORIENTATION, save_photo, size_of, truncate
from PIL import Image

from pydbcnn import Blur, DBCNNDeblurrer, Noise
from pydbcnn._pixels.values import luminance
from pydbcnn.backends.cpu import CpuBackend

# A kernel without any symmetry, as a picture.
LEVELS = np.array([[0, 90, 0], [90, 255, 120], [0, 40, 0]], np.uint8)


def test_deblur_is_the_library_on_a_file(run_pydbcnn, tmp_path, blurred):
    save_photo(tmp_path / "photo.png", blurred[0])
    result = run_pydbcnn("deblur", "photo.png")
    assert result.stdout == "1 restored\n"
    expected = DBCNNDeblurrer.from_pretrained("mild").predict(blurred[:1])[0]
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "photo_deblurred.png")), expected
    )


def test_deblur_keeps_orientation_exif_and_profile(run_pydbcnn, tmp_path, photo):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    with Image.open(photo) as image:
        image.save(tmp_path / "icc.jpg", icc_profile=profile, exif=image.getexif())
    run_pydbcnn("deblur", "icc.jpg", "-o", "better.jpg")
    with Image.open(tmp_path / "better.jpg") as better:
        assert better.size == (48, 40)
        assert better.getexif()[ORIENTATION] == 6
        assert better.getexif()[0x010F] == "Camera maker"
        assert better.info["icc_profile"] == profile


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg"])
def test_deblur_greyscale(run_pydbcnn, tmp_path, blurred, suffix):
    grey = blurred[0, ..., 1]
    save_photo(tmp_path / f"grey.{suffix}", grey)
    run_pydbcnn("deblur", f"grey.{suffix}", "--quiet")
    with Image.open(tmp_path / f"grey_deblurred.{suffix}") as result:
        restored = np.asarray(result.convert("L"))
    if suffix in ("png", "tif"):
        colour = np.repeat(grey[np.newaxis, ..., np.newaxis], 3, axis=3)
        estimate = DBCNNDeblurrer.from_pretrained("mild").predict(colour)[0]
        np.testing.assert_array_equal(restored, np.rint(luminance(estimate)))
    assert restored.shape == grey.shape


def test_deblur_keeps_alpha_and_sixteen_bits(run_pydbcnn, tmp_path, blurred):
    alpha = np.arange(40 * 48, dtype=np.uint8).reshape(40, 48, 1)
    save_photo(tmp_path / "alpha.png", np.concatenate([blurred[0], alpha], axis=2))
    deep = blurred[0].astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "deep.png"), deep[..., ::-1])
    run_pydbcnn("deblur", "alpha.png", "deep.png", "-o", "out")
    result = np.asarray(Image.open(tmp_path / "out" / "alpha.png"))
    np.testing.assert_array_equal(result[..., 3:], alpha)
    model = DBCNNDeblurrer.from_pretrained("mild")
    np.testing.assert_array_equal(result[..., :3], model.predict(blurred[:1])[0])
    result = cv2.imread(str(tmp_path / "out" / "deep.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(result[..., ::-1], model.predict(deep[np.newaxis])[0])


def test_deblur_never_overwrites_unasked(run_pydbcnn, tmp_path, photo):
    (tmp_path / "photo_deblurred.jpg").write_text("precious")
    result = run_pydbcnn("deblur", "photo.jpg", status=1)
    assert "photo_deblurred.jpg exists already" in result.stderr
    assert (tmp_path / "photo_deblurred.jpg").read_text() == "precious"
    run_pydbcnn("deblur", "photo.jpg", "--overwrite")
    assert size_of(tmp_path / "photo_deblurred.jpg") == (48, 40)
    before = photo.read_bytes()
    result = run_pydbcnn(
        "deblur", "photo.jpg", "-o", "photo.jpg", "--overwrite", status=1
    )
    assert "would replace the photo itself" in result.stderr
    assert photo.read_bytes() == before


def test_deblur_names_bad_files_and_goes_on(run_pydbcnn, tmp_path, photo, blurred):
    (tmp_path / "empty.png").touch()
    save_photo(tmp_path / "cut.jpg", blurred[1], quality=95)
    truncate(tmp_path / "cut.jpg")
    (tmp_path / "text.jpg").write_text("no photo")
    result = run_pydbcnn(
        "deblur", "empty.png", "cut.jpg", "text.jpg", "none.jpg", "photo.jpg", status=1
    )
    for name in ("empty.png", "cut.jpg", "text.jpg", "none.jpg"):
        assert name in result.stderr
    assert result.stdout == "1 restored, 4 failed\n"
    assert {p.name for p in tmp_path.iterdir()} == {
        "empty.png",
        "cut.jpg",
        "text.jpg",
        "photo.jpg",
        "photo_deblurred.jpg",
    }


def test_deblur_folders_and_patterns(run_pydbcnn, tmp_path, blurred):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("a.png", "b.png", "deep/c.png"):
        save_photo(tmp_path / "in" / name, blurred[0])
    run_pydbcnn("deblur", "in", "-o", "flat")
    run_pydbcnn("deblur", "in", "--recursive", "-o", "all")
    run_pydbcnn("deblur", "in/[b]*.png", "-o", "some")

    def names(folder):
        return sorted(
            p.relative_to(tmp_path / folder).as_posix()
            for p in (tmp_path / folder).rglob("*.png")
        )

    assert names("flat") == ["a.png", "b.png"]
    assert names("all") == ["a.png", "b.png", "deep/c.png"]
    assert names("some") == ["b.png"]
    run_pydbcnn("deblur", "in")
    again = run_pydbcnn("deblur", "in", "--overwrite")
    assert "2 result(s) of an earlier run" in again.stderr
    assert names("in") == [
        "a.png",
        "a_deblurred.png",
        "b.png",
        "b_deblurred.png",
        "deep/c.png",
    ]


def test_deblur_takes_an_earlier_result_that_is_named(run_pydbcnn, tmp_path, blurred):
    save_photo(tmp_path / "x_deblurred.png", blurred[0])
    assert run_pydbcnn("deblur", "./x_deblurred.png").stdout == "1 restored\n"


def test_deblur_does_not_mix_up_results(run_pydbcnn, tmp_path, blurred):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        save_photo(tmp_path / folder / "same.png", blurred[0])
    result = run_pydbcnn(
        "deblur", "one/same.png", "two/same.png", "-o", "out", "--overwrite", status=1
    )
    assert "all would become out/same.png" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("photo.jpg", "--model", "wild"), "no model or file 'wild'"),
        (("photo.jpg", "--model", "photo.jpg"), "not a safetensors file"),
        (("photo.jpg", "-o", "out.gif"), "'.gif' is no format"),
        (("photo.jpg", "--device", "cuda"), "device='cuda' cannot be used"),
        (("photo.jpg", "--precision", "tf32"), "a format of GPUs, and no GPU is"),
        (("nothing*.jpg",), "nothing*.jpg"),
    ],
)
def test_deblur_errors(run_pydbcnn, photo, arguments, message):
    result = run_pydbcnn("deblur", *arguments, status=1, CUDA_VISIBLE_DEVICES="")
    assert message in result.stderr


@pytest.fixture
def aware(tmp_path, blurred):
    """Models of colours that depend on the blur, and a photograph of 80 x 48 pixels."""
    for name, sigma in (("aware", 1.4), ("sees_sharp", 0.3), ("told", None)):
        deblurrer_that_sees(sigma, 3).save(tmp_path / f"{name}.safetensors")
    save_photo(tmp_path / "photo.png", np.concatenate(blurred[:2]))
    return deblurrer_that_sees(1.4, 3)


@pytest.mark.parametrize(
    ("arguments", "how"),
    [
        ((), {}),
        (("--sigma", 0.9), {"sigma": 0.9}),
        (("--sigma", "0"), {"sigma": 0.0}),
        (("--tile-size", 32), {"tile_size": 32}),
    ],
)
def test_deblur_with_a_known_blur_and_in_tiles(
    run_pydbcnn, tmp_path, blurred, aware, arguments, how
):
    run_pydbcnn("deblur", "photo.png", "-m", "aware.safetensors", *arguments)
    photo = np.concatenate(blurred[:2])
    result = np.asarray(Image.open(tmp_path / "photo_deblurred.png"))
    np.testing.assert_array_equal(result, aware.predict(photo[np.newaxis], **how)[0])
    assert np.array_equal(result, photo) == (how == {"sigma": 0.0})


MOTION = Blur.motion(5, 20)


@pytest.mark.parametrize(
    ("text", "blur"),
    [
        ("gaussian:1.6", Blur.gaussian(1.6)),
        ("gaussian:2.5,1,30", Blur.gaussian(2.5, 1, 30)),
        ("defocus:2.5", Blur.defocus(2.5)),
        ("motion:5,20", MOTION),
        ("motion: 5, -160", MOTION),
        ("blur.json", Blur.motion(5, 20, noise=Noise.white(2))),
        ("kernel.png", Blur.from_kernel(LEVELS / LEVELS.sum())),
        ("colours.png", Blur.from_kernel(LEVELS / LEVELS.sum())),
        ("deep.tif", Blur.from_kernel(LEVELS / LEVELS.sum())),
    ],
)
def test_deblur_with_a_blur_of_any_kind(
    run_pydbcnn, tmp_path, blurred, aware, text, blur
):
    if text.endswith("json"):
        (tmp_path / text).write_text(blur.to_json())
    save_photo(tmp_path / "kernel.png", LEVELS)
    save_photo(tmp_path / "colours.png", np.dstack([LEVELS] * 3))
    save_photo(tmp_path / "deep.tif", LEVELS.astype(np.uint16) * 257)
    run_pydbcnn("deblur", "photo.png", "-m", "aware.safetensors", "--blur", text)
    photo = np.concatenate(blurred[:2])
    result = np.asarray(Image.open(tmp_path / "photo_deblurred.png"))
    expected = aware.predict(photo[np.newaxis], blur=blur)[0]
    np.testing.assert_allclose(result.astype(int), expected, atol=1)
    assert (result == expected).mean() > 0.999
    assert not np.array_equal(result, photo)


@pytest.mark.parametrize(
    ("arguments", "how"),
    [
        (("--noise", 3), {"noise": 3.0}),
        (("--noise", 0), {"noise": 0.0}),
        (("--strength", 0.5), {"strength": 0.5}),
        (("--strength", 2, "--noise", 1.5), {"strength": 2.0, "noise": 1.5}),
        (("--strength", 0), {"strength": 0.0}),
    ],
)
def test_deblur_with_noise_and_strength(
    run_pydbcnn, tmp_path, blurred, aware, arguments, how
):
    options = "-m", "aware.safetensors", "--blur", "motion:5,20", *arguments
    run_pydbcnn("deblur", "photo.png", *options)
    photo = np.concatenate(blurred[:2])
    result = np.asarray(Image.open(tmp_path / "photo_deblurred.png"))
    expected = aware.predict(photo[np.newaxis], blur=MOTION, **how)[0]
    np.testing.assert_array_equal(result, expected)
    assert np.array_equal(result, photo) == (how == {"strength": 0.0})


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--blur", "box:3"), 1, "--blur box:3: no such kind of blur, and no such fi"),
        (("--blur", "none.png"), 1, "--blur none.png: no such kind of blur, and no"),
        (("--blur", "motion:5"), 1, "a blur of the kind motion has 2 number(s)"),
        (("--blur", "motion:5,1,2"), 1, "a blur of the kind motion has 2 number(s)"),
        (("--blur", "gaussian:2,1"), 1, "a blur of the kind gaussian has 1 or 3 num"),
        (("--blur", "defocus:"), 1, "a blur of the kind defocus has 1 number(s)"),
        (("--blur", "defocus:far"), 1, "a blur of the kind defocus has 1 number(s)"),
        (("--blur", "defocus:-1"), 1, "--blur defocus:-1: radius=-1.0: expected"),
        (("--blur", "defocus:nan"), 1, "--blur defocus:nan: radius=nan: expected"),
        (("--blur", "gaussian:1,2,0"), 1, "sigma_minor=2.0 is above sigma=1.0"),
        (("--blur", "defocus:60"), 1, "kernel of 121 x 121 pixels"),
        (("--blur", "black.png"), 1, "--blur black.png: the picture is black"),
        (("--blur", "aside.png"), 1, "until it is centred"),
        (("--blur", "even.png"), 1, "even side"),
        (("--blur", "photo.png"), 1, "even side"),
        (("--blur", "broken.json"), 1, "--blur broken.json: This is no JSON"),
        (("--blur", "list.json"), 1, "--blur list.json: Blur.from_dict was given li"),
        (("--blur", "binary.json"), 1, "--blur binary.json: "),
        (("--blur", "aware.safetensors"), 1, "aware.safetensors"),
        (("--blur", "."), 1, ".: found a folder, expected a file"),
        (("--blur", "motion:5,20", "--sigma", 1), 1, "pass one of them"),
        (("--blur", "motion:5,20", "--tile-size", 64), 1, "exclude each other"),
        (("-m", "plain.safetensors", "--blur", "motion:5,20"), 1, "same for every bl"),
        (("-m", "plain.safetensors", "--noise", 1), 1, "same for every blur"),
        (("--noise", 256), 1, "noise=256.0: expected a standard deviation"),
        (("--noise", "-1"), 2, "'-1': expected a number of at least 0"),
        (("--noise", "much"), 2, "'much': expected a number of at least 0"),
        (("--strength", 2.5), 1, "strength=2.5: expected a number from 0"),
        (("--strength", "-1"), 2, "'-1': expected a number of at least 0"),
    ],
)
def test_deblur_errors_about_a_known_blur(
    run_pydbcnn, tmp_path, aware, fitted, arguments, status, message
):
    fitted.save(tmp_path / "plain.safetensors")
    save_photo(tmp_path / "black.png", np.zeros((5, 5), np.uint8))
    save_photo(tmp_path / "aside.png", np.pad([[np.uint8(9)]], ((0, 0), (4, 0))))
    save_photo(tmp_path / "even.png", np.full((4, 5), 9, np.uint8))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\xfd")
    result = run_pydbcnn(
        "deblur", "photo.png", "-m", "aware.safetensors", *arguments, status=status
    )
    assert message in result.stderr
    assert not (tmp_path / "photo_deblurred.png").exists()


def test_a_blur_wider_than_what_was_learned_is_named(run_pydbcnn, aware):
    options = "photo.png", "-m", "aware.safetensors", "--blur"
    result = run_pydbcnn("deblur", *options, "defocus:8")
    assert "as wide as a Gaussian of sigma 4 pixels, beyond the 3" in result.stderr
    assert "1 restored" in result.stdout
    result = run_pydbcnn("deblur", *options, "motion:5,20", "--overwrite")
    assert result.stderr == ""


def test_deblur_leaves_sharp_photographs_alone(run_pydbcnn, tmp_path, blurred, aware):
    run_pydbcnn("deblur", "photo.png", "-m", "sees_sharp.safetensors")
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "photo_deblurred.png")),
        np.concatenate(blurred[:2]),
    )


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--sigma", "-1"), 2, "'-1': expected a number of at least 0"),
        (("--sigma", "much"), 2, "'much': expected a number of at least 0"),
        (("--sigma", "inf"), 2, "'inf': expected a number of at least 0"),
        (("--tile-size", 0), 2, "'0': expected an integer of at least 1"),
        (("--tile-size", 2.5), 2, "'2.5': expected an integer of at least 1"),
        (("--tile-size", 16), 1, "tile_size=16: expected an integer of at least 32"),
        (("--tile-size", 64, "--sigma", 1), 1, "exclude each other"),
        (("-m", "told.safetensors"), 1, "does not estimate the blur: pass sigma"),
        (
            ("-m", "plain.safetensors", "--sigma", 1),
            1,
            "plain.safetensors is the same for every blur",
        ),
        (
            ("-m", "plain.safetensors", "--tile-size", 64),
            1,
            "plain.safetensors is the same for every blur",
        ),
    ],
)
def test_deblur_errors_about_the_blur(
    run_pydbcnn, tmp_path, aware, fitted, arguments, status, message
):
    fitted.save(tmp_path / "plain.safetensors")
    result = run_pydbcnn(
        "deblur", "photo.png", "-m", "aware.safetensors", *arguments, status=status
    )
    assert message in result.stderr
    assert not (tmp_path / "photo_deblurred.png").exists()


def test_deblur_refuses_a_format_before_the_work(run_pydbcnn, tmp_path, blurred):
    alpha = np.full((40, 48, 1), 128, np.uint8)
    save_photo(tmp_path / "alpha.png", np.concatenate([blurred[0], alpha], axis=2))
    result = run_pydbcnn("deblur", "alpha.png", "-o", "alpha.jpg", status=1)
    assert "alpha" in result.stderr
    assert not (tmp_path / "alpha.jpg").exists()


def test_deblur_obeys_the_instruction_set(run_pydbcnn, photo):
    run_pydbcnn("deblur", "photo.jpg", PYDBCNN_ISA="baseline")
    result = run_pydbcnn(
        "deblur", "photo.jpg", "--overwrite", status=1, PYDBCNN_ISA="quantum"
    )
    assert "'quantum'" in result.stderr


def test_deblur_and_evaluate_in_another_precision(
    run_pydbcnn, tmp_path, photo, dataset
):
    run_pydbcnn("deblur", "photo.jpg", "-o", "single.png")
    run_pydbcnn("deblur", "photo.jpg", "-o", "double.png", "--precision", "float64")
    single, double = (
        cv2.imread(str(tmp_path / f"{name}.png")).astype(int)
        for name in ("single", "double")
    )
    assert np.abs(single - double).max() <= 1
    result = run_pydbcnn(
        "deblur",
        "photo.jpg",
        "--precision",
        "bfloat16",
        status=1,
        PYDBCNN_ISA="baseline",
    )
    assert "'bfloat16' needs the instruction set avx512_bf16 or amx" in result.stderr
    assert "'baseline' is in use" in result.stderr
    if "bfloat16" in CpuBackend().precisions:
        run_pydbcnn("deblur", "photo.jpg", "-o", "half.png", "--precision", "bfloat16")
        half = cv2.imread(str(tmp_path / "half.png")).astype(int)
        assert 0 < np.abs(single - half).max() <= 4
    scores = [
        json.loads(
            run_pydbcnn("evaluate", "mild", dataset, "--json", "-q", *arguments).stdout
        )
        for arguments in ((), ("--precision", "float64"))
    ]
    assert scores[0]["mean"]["psnr_after"] == pytest.approx(
        scores[1]["mean"]["psnr_after"], abs=0.01
    )


def test_a_sigma_beyond_what_was_learned_is_named(run_pydbcnn, photo):
    result = run_pydbcnn("deblur", photo, "--sigma", 100)
    assert re.search(r"--sigma 100 is beyond the 3\.\d+ pixels", result.stderr)
    assert "1 restored" in result.stdout
