"""The comparison of quality: what is made of the scores, and the command."""

import csv
import io
import xml.etree.ElementTree as ET

import evaluate
import numpy as np
import pytest
from image_samples import detail
from photo_samples import save_photo
from PIL import Image
from quality import chart, crops, pages, protocol, summary, tables
from quality.measuring import Estimate, Score
from quality.times import Time

from pydbcnn._commands.restorer import Restorer


def case(method, sigma, psnr, file="A/1.png", setting=None, changed=True):
    return Score(file[0], file, sigma, method, setting, psnr, psnr / 100, changed)


# -------------------------------------------------------------------------- the summary


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


# --------------------------------------------------------------------------- the report


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
    save_photo(tmp_path / "data" / "A" / "colour.png", detail())
    save_photo(tmp_path / "data" / "B" / "grey.png", detail()[..., 1])
    arguments = [str(tmp_path / "data"), "--sigmas", "0", "1.6", "--rounds", "0"]
    folder = tmp_path / "results"
    evaluate.main(
        [*arguments, "--jobs", "1", "--only", "restoring", "--results", str(folder)]
    )
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
    save_photo(tmp_path / "A" / "1.png", detail())
    evaluate.main([str(tmp_path), "--only", "restoring"])
    printed = capsys.readouterr().out
    assert "| Wiener, true kernel | - | 29.50 |" in printed
    assert "Nothing was written, since the report is of the sets Set5" in printed
