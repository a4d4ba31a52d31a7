"""The comparison of quality: its protocol, its rules and its report."""

import csv
import io
import os
import xml.etree.ElementTree as ET
from functools import partial

import cv2
import evaluate
import numpy as np
import pytest
from PIL import Image
from quality import chart, crops, measuring, methods, pages, protocol, summary, tables
from quality.measuring import Estimate, Score
from quality.photos import Photo, find_sets
from quality.times import Time, calls
from quality.workers import workers
from scipy import ndimage
from skimage import color, restoration
from skimage.metrics import structural_similarity

from pydbcnn._commands.restorer import Restorer
from pydbcnn.backends.threads import thread_count
from pydbcnn.datasets import load_sample_images


def detail(height=64, width=72):
    """Part of a photograph, RGB, uint8."""
    return load_sample_images()[0][200 : 200 + height, 100 : 100 + width]


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def case(method, sigma, psnr, file="A/1.png", setting=None, changed=True):
    return Score(file[0], file, sigma, method, setting, psnr, psnr / 100, changed)


# ---------------------------------------------------------------------- the photographs


def test_sets_are_the_subfolders_with_photographs_the_smallest_first(tmp_path):
    for name in ("A/1.png", "A/2.png", "B/1.png"):
        save(tmp_path / name, detail())
    (tmp_path / "empty").mkdir()
    (tmp_path / "README.md").write_text("no set")
    sets = find_sets(tmp_path)
    assert {name: len(photos) for name, photos in sets.items()} == {"B": 1, "A": 2}
    assert list(sets) == ["B", "A"]
    assert [photo.name for photo in sets["A"]] == ["A/1.png", "A/2.png"]
    assert list(find_sets(tmp_path, ["A"])) == ["A"]


def test_what_is_wrong_with_a_folder_is_said(tmp_path):
    with pytest.raises(ValueError, match=r"no folder .*missing"):
        find_sets(tmp_path / "missing")
    with pytest.raises(ValueError, match=r"No subfolder of .* holds photographs"):
        find_sets(tmp_path)
    save(tmp_path / "A" / "1.png", detail())
    with pytest.raises(ValueError, match=r"no set 'B' in .*: expected some of A\."):
        find_sets(tmp_path, ["A", "B"])


def test_photographs_are_read_as_8_bits(tmp_path):
    grey = np.arange(27 * 30, dtype=np.uint16).reshape(27, 30) * 80
    save(tmp_path / "grey.png", grey)
    pixels = Photo("A", tmp_path / "grey.png").read()
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, grey // 257)
    save(tmp_path / "small.png", detail(26, 40))
    with pytest.raises(
        ValueError, match=r"A/small\.png is 26 x 40 pixels.*at least 27"
    ):
        Photo("A", tmp_path / "small.png").read()


# ------------------------------------------------------------------------- the protocol


@pytest.mark.parametrize("sigma", [0.8, 2.4])
@pytest.mark.parametrize("pixels", [detail(), detail()[..., 0]], ids=["colour", "grey"])
def test_input_is_a_gaussian_blur_that_is_rounded(pixels, sigma):
    radius = int(np.ceil(4 * sigma))
    steps = np.arange(-radius, radius + 1)
    line = np.exp(-(steps**2) / (2 * sigma**2))
    line /= line.sum()
    expected = pixels.astype(float)
    for axis in (0, 1):
        expected = ndimage.correlate1d(expected, line, axis, mode="mirror")
    given = protocol.blurred(pixels, sigma, seed=0)
    assert given.dtype == np.uint8
    # Where single precision rounds the other way, a half is on the way.
    assert np.abs(given - expected).max() < 0.5001


def test_without_blur_the_input_is_the_sharp_photograph():
    assert np.array_equal(protocol.blurred(detail(), 0, seed=0), detail())


def test_noise_and_jpeg(tmp_path):
    sharp, sigma = detail(), 1.6
    size = (2 * 7 + 1,) * 2
    noisy = cv2.GaussianBlur(sharp.astype(np.float64), size, sigma)
    noisy += np.random.default_rng(5).normal(0, 1, sharp.shape)
    expected = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    Image.fromarray(expected).save(tmp_path / "a.jpg", quality=90)
    expected = np.array(Image.open(tmp_path / "a.jpg"))
    given = protocol.blurred_noisy_jpeg(sharp, sigma, seed=5)
    assert given.dtype == np.uint8
    assert np.mean(given != expected) < 0.01
    again = protocol.blurred_noisy_jpeg(sharp, sigma, seed=5)
    assert np.array_equal(given, again)
    assert not np.array_equal(given, protocol.blurred_noisy_jpeg(sharp, sigma, 6))
    grey = protocol.blurred_noisy_jpeg(sharp[..., 1], sigma, seed=5)
    assert grey.shape == sharp.shape[:2]


def test_scores_are_those_of_the_luminance_inside_the_border():
    sharp = detail()
    image = protocol.blurred(sharp, 1.2, seed=0)
    image[:8], image[:, -8:] = 0, 255  # of no effect
    weights = np.array([[299, 587, 114]]) / 1000
    true, pred = (
        (pixels.reshape(-1, 3) @ weights.T).reshape(pixels.shape[:2])[8:-8, 8:-8]
        for pixels in (sharp, image)
    )
    psnr, ssim = protocol.score(sharp, image)
    # OpenCV's takes 8 bits alone, but gives the same for a difference of floats.
    mean_square = cv2.norm(true - pred, cv2.NORM_L2SQR) / true.size
    assert psnr == pytest.approx(10 * np.log10(255**2 / mean_square))
    expected = structural_similarity(
        true,
        pred,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim == pytest.approx(expected)


def test_luminance_can_be_scored_beside_colours():
    sharp = detail()
    luminance = np.rint(255 * color.rgb2gray(sharp)).astype(np.uint8)
    true = protocol.to_8_bits(255 * protocol.plane(sharp))
    assert protocol.score(sharp, true)[0] > 55  # rounding alone
    assert protocol.score(sharp, luminance)[0] < 50  # by other weights


def test_any_pixel_that_differs_is_a_change():
    input, output = detail(), detail().copy()
    assert not protocol.is_changed(input, output)
    output[0, 0, 2] ^= 1  # blue, at the border: no score would tell
    assert protocol.is_changed(input, output)
    luminance = np.rint(input @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    assert not protocol.is_changed(input, luminance)
    luminance[3, 3] ^= 1
    assert protocol.is_changed(input, luminance)


# -------------------------------------------------------------------------- the methods


def test_richardson_lucy_makes_the_steps_of_scikit_image(monkeypatch):
    monkeypatch.setattr(methods, "ITERATIONS", (3, 10))
    pixels, sigma = protocol.blurred(detail(), 1.6, seed=0), 1.6
    outputs = methods.richardson_lucys(pixels, sigma)
    assert list(outputs) == [3, 10]
    steps = np.arange(-7, 8)
    line = np.exp(-(steps**2) / (2 * sigma**2))
    kernel = np.outer(line, line) / line.sum() ** 2
    # Zeros beyond the border of scikit-image move inwards by a kernel a step.
    margin = 2 * 10 * 7
    padded = np.pad(protocol.plane(pixels), margin, mode="reflect")
    inside = np.s_[margin:-margin, margin:-margin]
    for n_steps, output in outputs.items():
        expected = 255 * restoration.richardson_lucy(padded, kernel, n_steps)[inside]
        assert np.abs(output - expected)[8:-8, 8:-8].max() < 0.51


def test_peers_with_the_true_kernel_restore():
    sharp = load_sample_images()[0][100:260, 60:240]
    pixels = protocol.blurred(sharp, 1.2, seed=0)
    before, _ = protocol.score(sharp, pixels)
    for run in (methods.wieners, methods.richardson_lucys):
        best = max(
            protocol.score(sharp, output)[0] for output in run(pixels, 1.2).values()
        )
        assert best > before + 3


def test_kernel_is_that_of_the_blur():
    point = np.zeros((45, 45))
    point[22, 22] = 1
    blurred = cv2.GaussianBlur(point, (15, 15), 1.6)[15:30, 15:30]
    np.testing.assert_allclose(methods.kernel(1.6), blurred, atol=1e-12)


def test_rows_of_both_protocols():
    compared = methods.compared(["mild", "robust"])
    assert list(compared) == [
        *("input", "unsharp mask", "Polyblur"),
        *("Wiener, true kernel", "Richardson-Lucy, true kernel"),
        *("mild", "mild, sigma given", "robust", "robust, sigma given"),
    ]
    assert [name for name, method in compared.items() if method.is_told_sigma] == [
        *("Wiener, true kernel", "Richardson-Lucy, true kernel"),
        *("mild, sigma given", "robust, sigma given"),
    ]
    noisy = methods.compared_on_noise(["mild", "mild-fast", "robust"])
    assert list(noisy) == ["input", "Polyblur", "mild", "robust"]


def test_a_model_is_told_sigma_only_where_a_row_says_so(monkeypatch):
    class Spy:
        def restore(self, pixels, sigma=None):
            return sigma

        def estimate_blur(self, pixels):
            return np.array([1.25])

    monkeypatch.setattr(methods, "restorer", lambda model: Spy())
    compared = methods.compared(["mild"])
    assert compared["mild"].run(detail(), 1.6) == {None: None}
    assert compared["mild, sigma given"].run(detail(), 1.6) == {None: 1.6}
    assert methods.estimated_sigma("mild", detail()) == 1.25


# ------------------------------------------------------------------------ the measuring


def brightened(by, pixels, sigma):
    return {step: pixels + np.uint8(step) for step in by}


def test_a_case_is_scored_by_method_and_setting(tmp_path):
    save(tmp_path / "1.png", detail() // 2)
    compared = {
        "input": methods.Method(methods.unchanged),
        "brighter": methods.Method(partial(brightened, (51, 102)), True),
    }
    spoil = protocol.blurred
    photo = Photo("A", tmp_path / "1.png")
    scores, estimates = measuring.Case(photo, 0, spoil, compared).measure()
    assert scores == [Score("A", "A/1.png", 0, "input", None, 100, 1, False)]
    assert estimates == []
    scores, _ = measuring.Case(photo, 1.6, lambda x, *_: x, compared).measure()
    assert [(s.method, s.setting, s.is_changed) for s in scores] == [
        ("input", None, False),
        ("brighter", 51, True),
        ("brighter", 102, True),
    ]
    assert scores[1].psnr == pytest.approx(-20 * np.log10(51 / 255))


def test_processes_have_the_threads_that_they_may_have(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    with workers(1, n_threads=3) as pool:
        assert pool.submit(cv2.getNumThreads).result() == 3
        assert pool.submit(thread_count).result() == 3
    assert os.environ["OMP_NUM_THREADS"] == "5"


def test_every_method_is_timed():
    pixels = protocol.blurred(detail(), 1.6, seed=0)
    timed = calls(pixels, ["mild"])
    names = [name for name in methods.compared(["mild"]) if name != "input"]
    assert [name.removesuffix(", 30 iterations") for name in timed] == names
    for _, call in timed.values():
        call()


# ------------------------------------------------------------------------- the summary

SCORES = [
    case("input", 0, 100, changed=False),
    case("mild", 0, 100, changed=False),
    case("mild-fast", 0, 100),
    case("input", 1.6, 28),
    case("wiener", 1.6, 33, setting=0.1),
    case("wiener", 1.6, 30, setting=0.2),
    case("mild", 1.6, 28),
    case("mild-fast", 1.6, 27.5),
    case("input", 1.6, 24, "A/2.png"),
    case("wiener", 1.6, 25, "A/2.png", setting=0.1),
    case("wiener", 1.6, 29, "A/2.png", setting=0.2),
    case("mild", 1.6, 26, "A/2.png"),
    case("mild-fast", 1.6, 27, "A/2.png"),
]


def test_the_best_setting_is_that_of_the_highest_mean():
    assert summary.best_settings(SCORES)["wiener", "A", 1.6] == 0.2
    best = summary.at_best(SCORES)
    assert [score.psnr for score in best if score.method == "wiener"] == [30, 29]
    assert len(best) == len(SCORES) - 2
    assert summary.means(best, "psnr")["wiener", "A", 1.6] == 29.5
    assert summary.means(best, "ssim")["mild", "A", 1.6] == pytest.approx(0.27)


@pytest.mark.parametrize(
    ("sigma", "psnr", "changed", "worse"),
    [
        (0, 100, False, False),
        (0, 100, True, True),  # a pixel that changed, too little for the PSNR to tell
        (1.6, 27.99, True, True),
        (1.6, 28, True, False),
        (1.6, 28, False, False),
        (1.6, 28.01, True, False),
    ],
)
def test_what_counts_as_worse(sigma, psnr, changed, worse):
    score = case("mild", sigma, psnr, changed=changed)
    assert summary.is_worse(score, before=28 if sigma else 100) == worse


def test_those_that_came_out_worse_are_counted():
    best = summary.at_best(SCORES)
    counts = {
        ("wiener", "A"): (0, 2),
        ("mild", "A"): (0, 3),
        ("mild-fast", "A"): (2, 3),
    }
    assert summary.worse_counts(best, "set") == counts
    by_sigma = summary.worse_counts(best, "sigma")
    assert by_sigma["mild-fast", 0] == by_sigma["mild-fast", 0.0] == (1, 1)
    assert by_sigma["mild-fast", 1.6] == (1, 2)


def test_worst_cases():
    found = summary.worst(SCORES, "mild-fast", n_blurred=1, n_sharp=3)
    assert [(s.file, s.sigma, s.psnr, before) for s, before in found] == [
        ("A/1.png", 1.6, 27.5, 28),
        ("A/1.png", 0, 100, 100),
    ]
    assert [s.sigma for s, _ in summary.worst(SCORES, "mild", 5, 3)] == [1.6, 1.6]


def test_errors_of_estimates_do_not_cancel():
    estimates = [
        Estimate("A", "A/1.png", 1.6, "mild", 1.4),
        Estimate("A", "A/2.png", 1.6, "mild", 1.9),
        Estimate("A", "A/1.png", 0, "mild", 0.5),
    ]
    errors = summary.estimate_errors(estimates)
    assert errors == pytest.approx({("mild", "A", 1.6): 0.25, ("mild", "A", 0): 0.5})


# -------------------------------------------------------------------------- the report

RESULTS = tables.Results(
    sets={"A": 2},
    sigmas=[0, 1.6],
    models=["mild", "mild-fast"],
    scores=[s._replace(method=s.method.replace("wiener", "Wiener, true kernel"))
            for s in SCORES],
    noisy_scores=[case("input", 1.6, 26.5), case("mild", 1.6, 27)],
    estimates=[Estimate("A", "A/1.png", 1.6, "mild", 1.4)],
    times=[Time("mild", "colour", 0.1234)],
)  # fmt: skip
MACHINE = {"processor": "a processor"}


def test_parts_of_the_report():
    parts = {part.title: part.table for part in tables.parts(RESULTS)}
    assert list(parts) == [
        *("A: PSNR in dB", "A: SSIM"),
        *("Settings with the true kernel", "Estimated sigma"),
        *("Came out worse, by set", "Came out worse, by sigma", "Worst cases"),
        *("A with noise and JPEG: PSNR in dB", "A with noise and JPEG: SSIM", "Time"),
    ]
    assert parts["A: PSNR in dB"].columns == ["sigma", "0", "1.6"]
    assert parts["A: PSNR in dB"].rows == [
        ["input", "100.00", "26.00"],
        ["Wiener, true kernel", "-", "29.50"],
        ["mild", "100.00", "27.00"],
        ["mild-fast", "100.00", "27.25"],
    ]
    assert parts["A: SSIM"].rows[1] == ["Wiener, true kernel", "-", "0.295"]
    assert ["A: Wiener, true kernel", "-", "0.2"] in (
        parts["Settings with the true kernel"].rows
    )
    assert parts["Estimated sigma"].rows[0] == ["A: mild", "-", "0.200"]
    assert parts["Came out worse, by set"].columns == ["", "A", "all"]
    assert parts["Came out worse, by set"].rows == [
        ["Wiener, true kernel", "0 of 2", "0 of 2, 0.0 %"],
        ["mild", "0 of 3", "0 of 3, 0.0 %"],
        ["mild-fast", "2 of 3", "2 of 3, 66.7 %"],
    ]
    assert parts["Came out worse, by sigma"].rows[2] == [
        "mild-fast",
        "1 of 1",
        "1 of 2",
    ]
    worst = ["mild-fast", "A/1.png", "1.6", "28.00", "27.50"]
    assert worst in parts["Worst cases"].rows
    assert parts["A with noise and JPEG: PSNR in dB"].rows == [
        ["input", "26.50"],
        ["mild", "27.00"],
    ]
    assert parts["Time"].rows == [["mild", "colour", "0.123"]]


def test_parts_without_figures_are_left_out():
    sharp = [score for score in SCORES if score.sigma == 0]
    results = tables.Results({"A": 1}, [0], ["mild"], sharp)
    assert [part.title for part in tables.parts(results)] == [
        *("A: PSNR in dB", "A: SSIM"),
        *("Came out worse, by set", "Came out worse, by sigma"),
    ]


def test_both_texts_hold_the_same_tables():
    parts = tables.parts(RESULTS)
    markdown = pages.markdown(MACHINE, parts)
    restructured = pages.restructured_text(MACHINE, parts)
    for part in parts:
        rows = [part.table.columns, *part.table.rows]
        for row in rows:
            assert f"| {' | '.join(row)} |" in markdown
        heading = f"{part.title}\n{'-' * len(part.title)}\n\n{part.text}"
        section = restructured.split(heading)[1].split("\n\n")
        assert list(csv.reader(io.StringIO(section[2]), skipinitialspace=True)) == rows
    assert "| processor | a processor |" in markdown
    assert '"processor","a processor"' in restructured


def test_chart_is_the_same_every_time_and_has_no_sharp_photographs():
    svg = chart.chart(RESULTS.sets, RESULTS.models, RESULTS.scores)
    assert ET.fromstring(svg).tag.endswith("svg")
    blurred = [score for score in RESULTS.scores if score.sigma]
    assert svg == chart.chart(RESULTS.sets, RESULTS.models, blurred)


def test_lines_of_a_model_have_one_colour():
    styles = chart.styles(["mild", "robust"])
    assert styles["mild"][0] == styles["mild, sigma given"][0] != styles["robust"][0]
    assert styles["mild"][1] != styles["mild, sigma given"][1]


def test_crops_keep_colours_where_luminance_is_replaced():
    pixels = np.full((3, 4, 3), (90, 120, 150), np.uint8)
    luminance = np.rint(255 * protocol.plane(pixels)).astype(np.uint8)
    lighter = crops.with_luminance(pixels, luminance + np.uint8(20))
    assert np.abs(lighter - (pixels + 20.0)).max() <= 1


# -------------------------------------------------------------------------- the command


def test_what_replaces_the_published_report():
    sets, sigmas, rounds = (
        evaluate.PUBLISHED_SETS,
        list(protocol.SIGMAS),
        evaluate.FULL_ROUNDS,
    )
    assert evaluate.incomplete(sets, sigmas, rounds) is None
    assert "Set5 (5)" in evaluate.incomplete({"Set5": 5}, sigmas, rounds)
    assert "sets" in evaluate.incomplete(sets | {"Set5": 4}, sigmas, rounds)
    assert "sigmas" in evaluate.incomplete(sets, sigmas[1:], rounds)
    assert "rounds" in evaluate.incomplete(sets, sigmas, 0)


def test_the_report_says_how_it_is_repeated():
    parse = evaluate.build_parser().parse_args
    assert evaluate.command(parse(["/home/me"])) == ("make evaluate DATA=/path/to/test")
    options = parse(["/home/me", "--sets", "Set5", "--sigmas", "0", "1.6"])
    assert evaluate.command(options) == (
        'make evaluate DATA=/path/to/test SETS="Set5" SIGMAS="0 1.6"'
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sigmas", "-1"], "-1: expected 0 to 8 pixels"),
        (["--jobs", "0"], "0: expected 1 or more"),
        (["--rounds", "-1"], "-1: expected 0 or more"),
        ([], "There is no folder nowhere"),
    ],
)
def test_what_is_wrong_with_the_options_is_said(arguments, message, capsys):
    with pytest.raises(SystemExit):
        evaluate.main(["nowhere", *arguments])
    assert message in capsys.readouterr().err


def test_from_photographs_to_a_report(tmp_path, capsys):
    save(tmp_path / "data" / "A" / "colour.png", detail())
    save(tmp_path / "data" / "B" / "grey.png", detail()[..., 1])
    arguments = [str(tmp_path / "data"), "--sigmas", "0", "1.6", "--rounds", "0"]
    folder = tmp_path / "results"
    evaluate.main([*arguments, "--jobs", "1", "--results", str(folder)])
    printed = capsys.readouterr().out
    text = (folder / "quality.md").read_text()
    assert text in printed
    assert {path.name for path in folder.iterdir()} == set(evaluate.PUBLISHED)
    before = protocol.score(detail(), protocol.blurred(detail(), 1.6, seed=0))[0]
    assert f"| input | 100.00 | {before:.2f} |" in text
    restored = Restorer("mild").restore(protocol.blurred(detail(), 1.6, seed=0))
    after = protocol.score(detail(), restored)[0]
    assert f" | {after:.2f} |" in text.split("| mild | ")[1].split("\n")[0] + " |"
    assert "## B with noise and JPEG: SSIM" in text
    with Image.open(folder / "crops.png") as picture:
        assert picture.width > 6 * crops.SIDE


def test_a_part_of_the_measurements_writes_nothing(tmp_path, capsys, monkeypatch):
    def write(*arguments):
        raise AssertionError("a report was written")

    monkeypatch.setattr(evaluate, "write", write)
    monkeypatch.setattr(evaluate, "measure", lambda sets, options: RESULTS)
    monkeypatch.setattr(evaluate.machine, "describe", lambda *arguments: MACHINE)
    save(tmp_path / "A" / "1.png", detail())
    evaluate.main([str(tmp_path)])
    printed = capsys.readouterr().out
    assert "| Wiener, true kernel | - | 29.50 |" in printed
    assert "Nothing was written, since the report is of the sets Set5" in printed
