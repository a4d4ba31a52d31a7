"""The photographs that files, folders and patterns stand for."""

from pathlib import Path

import pytest
from photo_samples import deny

from pydbcnn._photos import PhotoError, find_photos


@pytest.fixture
def folder(tmp_path):
    """A folder with photographs, other files, hidden ones and a folder below."""
    names = ["b.JPG", "a.png", "c.webp", "d.tiff", "notes.txt", ".hidden.jpg"]
    below = ["below/e.jpeg", "below/f.tif", "below/x[1].png", ".cache/g.png"]
    for name in names + below:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def names_of(found, folder):
    photos, problems = found
    assert problems == []
    return [path.relative_to(folder).as_posix() for path in photos]


def test_a_folder_stands_for_the_photographs_in_it(folder):
    expected = ["a.png", "b.JPG", "c.webp", "d.tiff"]
    assert names_of(find_photos([folder]), folder) == expected
    assert names_of(find_photos(str(folder)), folder) == expected


def test_a_folder_stands_for_those_below_it_when_asked_for(folder):
    found = names_of(find_photos([folder], recursive=True), folder)
    below = ["below/e.jpeg", "below/f.tif", "below/x[1].png"]
    assert found == ["a.png", "b.JPG", *below, "c.webp", "d.tiff"]


def test_patterns_stand_for_the_photographs_that_match(folder):
    assert names_of(find_photos([folder / "*.[pJ]*"]), folder) == ["a.png", "b.JPG"]
    found = names_of(find_photos([folder / "**" / "?.*"]), folder)
    below = ["below/e.jpeg", "below/f.tif"]
    assert found == ["a.png", "b.JPG", *below, "c.webp", "d.tiff"]


def test_a_file_with_a_bracket_in_its_name_is_no_pattern(folder):
    name = "below/x[1].png"
    assert names_of(find_photos([folder / name]), folder) == [name]


def test_a_file_named_by_itself_need_not_have_a_known_suffix(folder):
    assert names_of(find_photos([folder / "notes.txt"]), folder) == ["notes.txt"]


def test_no_photograph_is_found_twice(folder):
    arguments = [folder / "c.webp", folder, folder / "below" / ".." / "a.png"]
    found = names_of(find_photos(arguments), folder)
    assert found == ["c.webp", "a.png", "b.JPG", "d.tiff"]


@pytest.mark.parametrize("missing", ["none.jpg", "*.gif", "empty", "", "[.png"])
def test_arguments_that_stand_for_nothing_are_named(folder, missing, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "empty").mkdir()
    photos, problems = find_photos([missing, "a.png"])
    assert photos == [Path("a.png")]
    (problem,) = problems
    assert isinstance(problem, PhotoError)
    assert str(problem).startswith(f"{missing or repr('')}: found no photograph ")


def test_a_folder_that_may_not_be_read_is_named(folder, monkeypatch):
    monkeypatch.setattr("os.scandir", deny)
    photos, (problem,) = find_photos([folder, folder / "a.png"])
    assert photos == [folder / "a.png"]
    assert str(problem).startswith(f"{folder}: found no access (Permission denied)")
