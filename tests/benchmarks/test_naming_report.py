"""Names of blurs in the benchmark: what is made of the readings, and the command."""

import evaluate
import pytest
from image_samples import detail
from photo_samples import save_photo
from quality import goals, naming, naming_summary, naming_tables, pages
from quality.degradations import Degradation
from quality.naming import FileReading, Reading

from pydbcnn import Blur, Noise


def reading(true, found, name="disk 2.5", rest="clean", noise=0, psnr=30.0, loss=0.1):
    return Reading("A", "A/1.png", name, rest, noise, true, found, psnr, loss)


# -------------------------------------------------------------------------- the summary


@pytest.mark.parametrize(
    ("true", "found", "is_right"),
    [
        (Blur.none(), Blur.none(), True),
        (Blur.none(), Blur.unknown(), False),
        (Blur.defocus(2), Blur.defocus(3), True),
        (Blur.defocus(2), Blur.gaussian(1), False),
        (Blur.gaussian(1.6), Blur.gaussian(1.8, 1.4, 30), True),
        (Blur.gaussian(1.6), Blur.gaussian(1.9, 1.3, 30), False),
        (Blur.gaussian(2, 1, 30), Blur.gaussian(1.6), False),
        (Blur.gaussian(2, 1, 30), Blur.gaussian(2, 1.2, 120), True),
    ],
    ids=str,
)
def test_which_names_are_right(true, found, is_right):
    assert naming_summary.is_kind_right(true, found) is is_right


def test_errors_of_sigma_are_those_of_the_equivalent_one():
    long = Blur.gaussian(7**0.5, 1, 30)  # as wide as a round one of 2
    assert naming_summary.sigma_error(reading(Blur.gaussian(2), long)) == (
        pytest.approx(0)
    )
    error = naming_summary.sigma_error(reading(Blur.gaussian(1.6), Blur.none()))
    assert error == pytest.approx(1.6)


def test_errors_of_radius_and_length_are_shares():
    def error(true, found):
        return naming_summary.size_error(reading(true, found))

    assert error(Blur.defocus(2), Blur.defocus(2.5)) == pytest.approx(0.25)
    assert error(Blur.motion(5, 10), Blur.motion(4, 90)) == pytest.approx(0.2)
    assert error(Blur.defocus(2), Blur.motion(4)) is None
    assert error(Blur.gaussian(2), Blur.gaussian(3)) is None


@pytest.mark.parametrize(
    ("true", "found", "degrees"),
    [(20, 23, 3), (179, 1, 2), (1, 179, 2), (0, 90, 90), (10, 130, 60)],
)
def test_angles_go_around(true, found, degrees):
    for make in (lambda a: Blur.motion(5, a), lambda a: Blur.gaussian(2, 1, a)):
        pair = reading(make(true), make(found))
        assert naming_summary.angle_error(pair) == pytest.approx(degrees)


def test_what_has_no_angle_has_no_error():
    assert (
        naming_summary.angle_error(reading(Blur.gaussian(2), Blur.gaussian(2))) is None
    )
    wrong = reading(Blur.gaussian(2, 1, 30), Blur.gaussian(2, 1.9, 30))
    assert naming_summary.angle_error(wrong) is None


def test_noise_is_compared_with_what_was_drawn():
    found = Blur.none(noise=Noise.white(1.5))
    assert naming_summary.noise_error(reading(Blur.none(), found, noise=2)) == 0.25
    assert naming_summary.noise_error(reading(Blur.none(), found, noise=0)) is None
    unread = reading(Blur.none(), Blur.none(), noise=2)
    assert naming_summary.noise_error(unread) is None


def test_means_are_of_those_that_have_a_figure():
    readings = [
        reading(Blur.defocus(2), Blur.defocus(2.5)),
        reading(Blur.defocus(2), Blur.defocus(1.9)),
        reading(Blur.defocus(2), Blur.none()),
    ]
    mean = naming_summary.mean(naming_summary.size_error, readings)
    assert mean == pytest.approx((0.25 + 0.05) / 2)
    assert naming_summary.mean(naming_summary.size_error, readings[2:]) is None
    assert naming_summary.mean(naming_summary.size_error, []) is None
    assert naming_summary.kind_share(readings) == pytest.approx(2 / 3)


def test_the_worst_loss_is_that_of_a_case_and_not_of_a_photograph():
    true = Blur.defocus(2)
    readings = [
        reading(true, true, "disk 2", loss=0.0),
        reading(true, true, "disk 2", loss=0.5),
        reading(true, true, "disk 3", loss=0.3),
        reading(true, true, "disk 3", loss=0.3),
        reading(Blur.none(), Blur.none(), "sharp", loss=None),
    ]
    assert naming_summary.worst_loss(readings) == pytest.approx(0.3)
    assert naming_summary.worst_loss(readings[4:]) is None


@pytest.mark.parametrize(("sigma", "is_taken"), [(0.59, False), (0.61, True)])
def test_what_counts_as_taken_for_blurred(sigma, is_taken):
    sharp = reading(Blur.none(), Blur.gaussian(sigma), "sharp")
    assert naming_summary.is_taken_for_blurred(sharp) is is_taken


# ---------------------------------------------------------------------------- the goals


GOALS = {goal.name: goal for goal in goals.GOALS}


def test_goals_are_met_up_to_what_is_wanted():
    kinds, sigma = (
        GOALS["kind named right, Gaussians from 1 on"],
        GOALS["equivalent sigma, error in pixels"],
    )
    assert kinds.is_met(0.98, "clean")
    assert not kinds.is_met(0.979, "clean")
    assert sigma.is_met(0.05, "clean")
    assert not sigma.is_met(0.051, "clean")
    assert sigma.is_met(0.051, "n2")


def test_a_goal_sees_what_it_is_about():
    weak, clear = Blur.gaussian(0.8), Blur.gaussian(1)
    readings = [
        reading(weak, Blur.defocus(1), "Gaussian 0.8", loss=0.5),
        reading(clear, clear, "Gaussian 1", loss=0.2),
        reading(clear, Blur.none(), "Gaussian 1", "n2", noise=2, loss=0.7),
        reading(Blur.none(), weak, "sharp", loss=None),
    ]
    kinds = GOALS["kind named right, Gaussians from 1 on"]
    assert kinds.value(readings, "clean") == 1
    assert kinds.value(readings, "n2") == 0
    assert kinds.value(readings, "n1, q90") is None
    assert GOALS["loss in dB, Gaussian 0.8"].value(readings, "clean") == 0.5
    assert GOALS["loss in dB, worst of the other cases"].value(readings, "n2") == 0.7
    assert GOALS["sharp photographs taken for blurred"].value(readings, "clean") == 1


def test_names_of_goals_are_those_of_cases():
    names = {case.blur_name for case in naming.degradations(1)}
    assert {goals.WEAK, *goals.UNDER_NOISE} <= names
    assert set(goals.COLUMNS) <= {case.rest_name for case in naming.degradations(1)}


# --------------------------------------------------------------------------- the report


DISK = Blur.defocus(2.5)
RESULTS = naming_tables.NamingResults(
    sets={"A": 2, "B": 1},
    readings=[
        reading(DISK, Blur.defocus(2.6), psnr=34.0, loss=0.25),
        reading(DISK, Blur.gaussian(1.2), psnr=35.0, loss=0.75),
        reading(Blur.none(), Blur.gaussian(0.7), "sharp", "n2", 2, 40.0, 1.5),
        reading(Blur.none(), Blur.none(noise=Noise.white(3)), "sharp", "n2", 2, 40, 0),
    ],
    files=[
        FileReading("lens", "a.png", 72, 64, Blur.motion(5.1, 21, confidence=0.5)),
        FileReading("lens", "b.png", 72, 64, Blur.unknown()),
    ],
)


def test_parts_of_the_report():
    parts = {part.title: part for part in naming_tables.parts(RESULTS)}
    assert list(parts) == [
        *("Blurs of A: goals", "Blurs of B: goals", "Blurs of A: every case"),
        *("Sharp photographs taken for blurred", "White noise"),
    ]
    table = parts["Blurs of A: goals"].table
    assert table.columns == ["", "clean", "goal", "n1, q90", "goal", "n2", "goal"]
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["kind named right, Gaussians from 1 on"] == (
        ["50.0 %", "98.0 %", "-", "93.0 %", "-", "93.0 %"]
    )
    assert rows["radius of a disk, error"][:2] == ["4.0 %", "2.0 %"]
    assert rows["noise, error"] == ["-", "-", "-", "10.0 %", "50.0 %", "10.0 %"]
    assert rows["sharp photographs taken for blurred"][4:] == ["50.0 %", "1.0 %"]
    # Of clean disks kind, sigma, radius and loss; of sharp ones noise, share, loss.
    assert "Goals that are met: 0 of 7." in parts["Blurs of A: goals"].text
    errors = Blur.defocus(2.6).sigma - DISK.sigma, DISK.sigma - 1.2
    assert parts["Blurs of A: every case"].table.rows == [
        [
            *("disk 2.5", "clean", "50.0 %", f"{sum(errors) / 2:.3f}", "4.0 %", "-"),
            *("34.50", "0.50", "gaussian 1"),
        ]
    ]
    sharp = parts["Sharp photographs taken for blurred"].table
    assert sharp.columns == ["", "A", "B", "A: loss", "B: loss"]
    assert sharp.rows == [["n2", "1 of 2", "-", "0.75", "-"]]
    assert parts["White noise"].table.rows == [["sharp", "n2", "50.0 %", "-"]]


def test_files_are_told_of_in_words():
    table = naming_tables.files_part(RESULTS.files).table
    width = f"{Blur.motion(5.1, 21).sigma:.2f}"
    assert table.rows[0] == (
        ["lens/a.png", "72 x 64", width, "0.50", "motion of 5.1 pixels at 21 degrees"]
    )
    assert table.rows[1][2:] == ["0.00", "-", "cannot tell"]


def test_both_texts_say_how_it_was_measured():
    parts = naming_tables.parts(RESULTS)
    protocol = naming_tables.PROTOCOL
    markdown = pages.markdown({}, parts, "Names of blurs", protocol)
    restructured = pages.restructured_text({}, parts, protocol)
    assert markdown.startswith("# Names of blurs\n")
    for paragraph in protocol:
        assert paragraph in markdown
        assert paragraph in restructured


# -------------------------------------------------------------------------- the command


@pytest.fixture
def few_cases(monkeypatch):
    cases = [Degradation("gaussian", (1.6,)), Degradation("none", (), 2)]
    monkeypatch.setattr(naming, "degradations", lambda n_draws: cases)


def arguments(tmp_path):
    save_photo(tmp_path / "data" / "A" / "colour.png", detail(96, 96))
    save_photo(tmp_path / "camera" / "photo.png", detail(96, 120))
    found = [tmp_path / "data", "--only", "naming", "--jobs", 1]
    return [*map(str, found), "--photos", str(tmp_path / "camera")]


def test_from_photographs_to_a_report(tmp_path, capsys, few_cases):
    folder = tmp_path / "results"
    evaluate.main([*arguments(tmp_path), "--results", str(folder)])
    printed = capsys.readouterr().out
    assert {path.name for path in folder.iterdir()} == set(evaluate.PUBLISHED_NAMING)
    text = (folder / "naming.md").read_text()
    assert text in printed
    assert "make evaluate DATA=/path/to/test ONLY=naming PHOTOS=/path/to/photos" in text
    assert "| Gaussian 1.6 | clean |" in text
    assert "| camera/photo.png | 120 x 96 |" in text
    assert '"camera/photo.png","120 x 96"' in (folder / "naming.inc").read_text()


def test_a_part_of_the_sets_writes_nothing(tmp_path, capsys, few_cases, monkeypatch):
    def write(*arguments):
        raise AssertionError("a report was written")

    monkeypatch.setattr(evaluate, "write_naming", write)
    evaluate.main(arguments(tmp_path))
    printed = capsys.readouterr().out
    assert "| Gaussian 1.6 | clean |" in printed
    assert "Nothing was written, since the report is of the sets Set5" in printed


def test_photographs_of_ones_own_are_not_published(tmp_path, monkeypatch):
    places = {name: tmp_path / name for name in evaluate.PUBLISHED_NAMING}
    monkeypatch.setattr(evaluate, "PUBLISHED_NAMING", places)
    monkeypatch.setattr(evaluate, "PUBLISHED_SETS", RESULTS.sets)
    monkeypatch.setattr(evaluate, "measure_naming", lambda *arguments: RESULTS)
    monkeypatch.setattr(evaluate.machine, "describe", lambda *arguments: {})
    evaluate.main(arguments(tmp_path))
    for path in places.values():
        text = path.read_text()
        assert "disk 2.5" in text
        assert "lens/a.png" not in text


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--only", "restoring"], "--photos: names of blurs are left out by"),
        (["--only", "everything"], "invalid choice: 'everything'"),
        (["--photos", "nowhere"], "nowhere: found no photograph of this name"),
    ],
)
def test_what_is_wrong_with_the_options_is_said(tmp_path, capsys, more, message):
    with pytest.raises(SystemExit):
        evaluate.main([*arguments(tmp_path), *more])
    assert message in capsys.readouterr().err
