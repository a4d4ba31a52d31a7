"""Blur and noise given in the benchmark: cases, measurements, tables, the command."""

import evaluate
import numpy as np
import pytest
from image_samples import detail
from photo_samples import save_photo
from quality import filtering, filtering_tables, filtering_times, pages, protocol
from quality.degradations import Degradation
from quality.filtering import DRPScore, Filtering
from quality.filtering_times import FilterTime, MakingTime
from quality.photos import Photo
from scipy import ndimage

from pydbcnn import Blur
from pydbcnn._network.inverse_filter import TYPICAL_POWER

METHODS = (
    "input",
    filtering.WIENER,
    filtering.WIENER_SAME,
    filtering.FEW,
    filtering.FILTER,
    "mild",
)

# ---------------------------------------------------------------------------- the cases


def test_every_case_is_there_once():
    found = filtering.DEGRADATIONS
    assert len(set(found)) == len(found)
    names = [(case.blur_name, case.rest_name) for case in found]
    both = "clean", "n1, q90"
    wanted = {
        "Gaussian 0.8": ("clean", "q95"),
        "Gaussian 1.2": ("clean", "q95"),
        "Gaussian 1.6": ("clean", "q95", "n1, q90", "n2", "n4"),
        "Gaussian 2.4": both,
        "disk 1.5": ("clean",),
        "disk 2.5": both,
        "motion 5 at 20": both,
        "Gaussian 2.5 x 1 at 30": both,
    }
    assert names == [(blur, rest) for blur, rests in wanted.items() for rest in rests]


def test_each_photograph_has_all_cases():
    sets = {name: [Photo(name, f"{i}.png") for i in range(2)] for name in "AB"}
    cases = filtering.filtering_cases(sets, ("mild",))
    assert len(set(cases)) == len(cases) == 4 * len(filtering.DEGRADATIONS)
    assert cases[0].photo == sets["A"][0]
    assert cases[0].models == ("mild",)


def test_only_some_sets_have_the_protocol_of_drp():
    sets = {name: [Photo(name, "1.png")] for name in ("Set5", "CBSD68")}
    cases = filtering.drp_cases(sets)
    assert [(case.photo.set, case.sigma) for case in cases] == (
        [("Set5", 1.6), ("Set5", 2.0)]
    )


# --------------------------------------------------------------------- the measurements


def photo_of(tmp_path, pixels):
    save_photo(tmp_path / "A" / "1.png", pixels)
    return Photo("A", tmp_path / "A" / "1.png")


@pytest.mark.parametrize("pixels", [detail(), detail()[..., 0]], ids=["colour", "grey"])
def test_who_is_told_the_blur_restores(tmp_path, pixels):
    degradation = Degradation("gaussian", (1.6,), 2)
    photo = photo_of(tmp_path, pixels)
    measured = filtering.FilteringCase(photo, degradation, ("mild-fast",)).measure()
    assert measured[:4] == ("A", "A/1.png", "Gaussian 1.6", "n2")
    assert measured.side in (9, 17, 25, 41)
    assert list(measured.psnr) == [*METHODS[:-1], "mild-fast"]
    before, *after = measured.psnr.values()
    assert min(after) > before + 0.5
    assert abs(measured.loss) < 0.5


def test_the_loss_is_beside_the_same_knowledge():
    figures = {filtering.WIENER: 35, filtering.WIENER_SAME: 33, filtering.FILTER: 32.5}
    assert Filtering("A", "A/1.png", "disk 2.5", "clean", 9, figures).loss == 0.5


@pytest.mark.parametrize("image", [detail(), detail()[..., 0]], ids=["colour", "grey"])
def test_the_filter_is_correlated_with_every_channel(image):
    kernel = np.random.default_rng(0).random((9, 9))
    kernel /= kernel.sum()
    channels = kernel if image.ndim == 2 else kernel[..., np.newaxis]
    expected = ndimage.correlate(image.astype(float), channels, mode="mirror")
    found = filtering.filtered(image.astype(float), kernel, 255)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_which_models_can_be_told():
    assert "mild" in filtering.told_models(["mild", "mild-fast", "robust"])


def test_input_of_drp():
    sharp = detail(72, 84)
    image = filtering.drp_input(sharp, 1.6)
    blurred = ndimage.gaussian_filter(
        sharp.astype(float), (1.6, 1.6, 0), mode="wrap", radius=(12, 12, 0)
    )
    noise = np.random.RandomState(0).normal(0, 2.55, sharp.shape)
    levels = 255 * image - noise
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-9)
    # Cut off, not rounded; sums of whole numbers may be below them by a rounding.
    assert np.all((blurred - levels > -1e-6) & (blurred - levels < 1 + 1e-6))


def test_kernel_of_drp_is_that_of_the_package():
    kernel = filtering._gaussian(1.6)
    ours = Blur.gaussian(1.6).kernel()
    margin = (len(kernel) - len(ours)) // 2
    inside = kernel[margin:-margin, margin:-margin] if margin > 0 else kernel
    np.testing.assert_allclose(inside, ours, atol=1e-4)


def test_drp_restores_up_to_borders_that_go_around(tmp_path, monkeypatch):
    monkeypatch.setattr(filtering, "sharp_power", lambda *arguments: TYPICAL_POWER)
    sharp = detail(77, 90)
    score = filtering.DRPCase(photo_of(tmp_path, sharp), 1.6).measure()
    assert score.after > score.before + 1
    cut = sharp[:72, :84]
    image = filtering.drp_input(cut, 1.6)
    rolled = filtering.drp_filtered(np.roll(image, (30, 40), (0, 1)), 1.6)
    whole = np.roll(filtering.drp_filtered(image, 1.6), (30, 40), (0, 1))
    np.testing.assert_allclose(rolled, whole, atol=1e-5)
    squares = (protocol.to_8_bits(255 * image) - cut.astype(float)) ** 2
    assert score.before == pytest.approx(10 * np.log10(255**2 / squares.mean()))


def test_filters_are_timed():
    times = filtering_times.measure_filters(1, (40, 50), (9, 17))
    assert [time[:2] for time in times] == [
        (side, is_symmetric) for side in (9, 17) for is_symmetric in (True, False)
    ]
    for time in times:
        assert list(time.seconds) == ["pydbcnn", "OpenCV", "SciPy"]
        assert min(time.seconds.values()) > 0


def test_making_filters_is_timed():
    (time,) = filtering_times.measure_making(1, {"Gaussian 1": Blur.gaussian(1)})
    assert time.blur_name == "Gaussian 1"
    assert time.side in (9, 17, 25, 41)
    assert min(time.fixed, time.chosen) > 1e-5  # not out of a cache


# --------------------------------------------------------------------------- the report


def measured(name, side, same, alone):
    psnr = dict(zip(METHODS, (20, 31, same, 30, alone, 33), strict=True))
    return Filtering("A", name, "disk 2.5", "clean", side, psnr)


RESULTS = filtering_tables.FilteringResults(
    sets={"A": 3, "B": 1},
    measured=[
        measured("1", 17, 32, 31.5),
        measured("2", 25, 30, 30.25),
        measured("3", 41, 31, 30.5),
    ],
    drp=[
        DRPScore("Set5", "1", 1.6, 20, 29),
        DRPScore("Set5", "2", 1.6, 22, 30),
        DRPScore("McMaster", "1", 1.6, 24, 31),
    ],
    times=[
        FilterTime(9, True, {"pydbcnn": 0.002, "OpenCV": 0.003, "SciPy": 0.01}),
        FilterTime(9, False, {"pydbcnn": 0.004, "OpenCV": 0.003, "SciPy": 0.01}),
    ],
    making=[MakingTime("disk 2.5", 0.0081, 41, 0.0277)],
)


def test_parts_of_the_report():
    parts = {part.title: part.table for part in filtering_tables.parts(RESULTS)}
    assert list(parts) == [
        *("A: blur and noise given", "In the protocol of DRP"),
        *("Time of a filter", "Time to make a filter"),
    ]
    table = parts["A: blur and noise given"]
    assert table.columns == ["blur", "then", *METHODS, "side", "loss"]
    assert table.rows == [
        [
            *("disk 2.5", "clean", "20.00", "31.00", "31.00", "30.00", "30.75"),
            *("33.00", "25", "0.25"),
        ]
    ]
    assert parts["In the protocol of DRP"].rows == [
        ["Set5", "1.6", "21.00", "29.50", "29.46"],
        ["McMaster", "1.6", "24.00", "31.00", "-"],
    ]
    assert parts["Time of a filter"].rows == [
        ["9", "from left to right", "2.0", "3.0", "10.0", "1.50", "5.00"],
        ["9", "none", "4.0", "3.0", "10.0", "0.75", "2.50"],
    ]
    assert parts["Time to make a filter"].rows == [["disk 2.5", "8.1", "41", "27.7"]]


def test_what_was_not_measured_has_no_part():
    assert filtering_tables.parts(filtering_tables.FilteringResults({"A": 1}, [])) == []


def test_both_texts_say_how_it_was_measured():
    parts = filtering_tables.parts(RESULTS)
    paragraphs = filtering_tables.PROTOCOL
    markdown = pages.markdown({}, parts, evaluate.FILTERING_TITLE, paragraphs)
    restructured = pages.restructured_text({}, parts, paragraphs)
    assert markdown.startswith("# Blur and noise given\n")
    for paragraph in paragraphs:
        assert paragraph in markdown
        assert paragraph in restructured


# -------------------------------------------------------------------------- the command


def arguments(tmp_path):
    save_photo(tmp_path / "data" / "A" / "colour.png", detail())
    return [str(tmp_path / "data"), "--only", "filtering", "--jobs", "1"]


def test_from_photographs_to_a_report(tmp_path, capsys, monkeypatch):
    case = Degradation("gaussian", (1.6,))
    monkeypatch.setattr(filtering, "DEGRADATIONS", [case])
    folder = tmp_path / "results"
    more = ["--rounds", "0", "--results", str(folder)]
    evaluate.main([*arguments(tmp_path), *more])
    printed = capsys.readouterr().out
    assert {path.name for path in folder.iterdir()} == set(evaluate.PUBLISHED_FILTERING)
    text = (folder / "filtering.md").read_text()
    assert text in printed
    assert "make evaluate DATA=/path/to/test ONLY=filtering" in text
    assert "| Gaussian 1.6 | clean |" in text
    assert '"Gaussian 1.6","clean"' in (folder / "filtering.inc").read_text()


@pytest.mark.parametrize(
    ("sets", "rounds", "reason"),
    [
        ({"B": 2}, "5", "the report is of the sets B (2)"),
        (RESULTS.sets, "4", "there were fewer than 5 rounds"),
    ],
    ids=["sets", "rounds"],
)
def test_a_part_writes_nothing(tmp_path, capsys, monkeypatch, sets, rounds, reason):
    monkeypatch.setattr(evaluate, "PUBLISHED_FILTERING", {"filtering.md": tmp_path})
    monkeypatch.setattr(evaluate, "PUBLISHED_SETS", sets)
    monkeypatch.setattr(evaluate, "measure_filtering", lambda *arguments: RESULTS)
    monkeypatch.setattr(evaluate.machine, "describe", lambda *arguments: {})
    evaluate.main([*arguments(tmp_path), "--rounds", rounds])
    printed = capsys.readouterr().out
    assert f"Nothing was written, since {reason}" in printed


def test_a_complete_run_is_published(tmp_path, monkeypatch):
    places = {name: tmp_path / name for name in evaluate.PUBLISHED_FILTERING}
    monkeypatch.setattr(evaluate, "PUBLISHED_FILTERING", places)
    monkeypatch.setattr(evaluate, "PUBLISHED_SETS", RESULTS.sets)
    monkeypatch.setattr(evaluate, "measure_filtering", lambda *arguments: RESULTS)
    monkeypatch.setattr(evaluate.machine, "describe", lambda *arguments: {})
    evaluate.main(arguments(tmp_path))
    assert "| disk 2.5 | clean |" in places["filtering.md"].read_text()
    assert '"disk 2.5","clean"' in places["filtering.inc"].read_text()


def test_all_reports_are_made_unless_one_is_named(tmp_path, monkeypatch):
    made = []
    for name in ("restoring", "naming", "filtering"):
        report = f"report_{name}"
        monkeypatch.setattr(evaluate, report, lambda *_, name=name: made.append(name))
    save_photo(tmp_path / "A" / "1.png", detail())
    evaluate.main([str(tmp_path)])
    assert made == ["restoring", "naming", "filtering"]
    evaluate.main([str(tmp_path), "--only", "filtering"])
    assert made[3:] == ["filtering"]


def test_photographs_of_ones_own_belong_to_names(tmp_path, capsys):
    with pytest.raises(SystemExit):
        evaluate.main([*arguments(tmp_path), "--photos", str(tmp_path)])
    assert "left out by --only filtering" in capsys.readouterr().err
