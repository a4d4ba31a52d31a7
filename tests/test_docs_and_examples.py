"""What is written about the package is true: examples run, and names are explained."""

import argparse
import ast
import doctest
import inspect
import os
import re
import subprocess
import sys
import textwrap
from itertools import pairwise
from pathlib import Path

import pytest
from numpydoc.validate import validate

import pydbcnn
from pydbcnn.cli import build_parser

ROOT = Path(__file__).parents[1]
EXAMPLES = [
    "plot_deblur_photograph.py",
    "plot_train_pipeline.py",
    "plot_varying_blur.py",
]
# Other packages may still use what is deprecated elsewhere; our examples may not.
WARNINGS_ARE_ERRORS = [
    *("-W", "error"),
    *("-W", "ignore::DeprecationWarning"),
    *("-W", "error::DeprecationWarning:__main__"),
]
# Not asked for: long descriptions (ES01), a See Also everywhere (SA01), returned values
# without names (RT02), verbs where plural nouns are meant (SS05), and, by some versions
# of numpydoc, a summary on the second line (GL01).
NUMPYDOC_CODES = {
    *("GL02", "GL03", "GL05", "GL06", "GL07", "GL08", "GL09", "GL10"),
    *("SS01", "SS02", "SS03", "SS04", "SS06"),
    *("PR01", "PR02", "PR03", "PR04", "PR05", "PR06", "PR07", "PR08", "PR09", "PR10"),
    *("RT01", "RT03", "RT04", "RT05", "YD01", "SA02", "SA03", "SA04"),
}


def run_script(path, folder):
    """Run a script as a user would, without a screen; returns what it printed."""
    result = subprocess.run(
        [sys.executable, *WARNINGS_ARE_ERRORS, str(path)],
        cwd=folder,
        env={**os.environ, "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def titles_of_panels(example, folder):
    """What stands above the panels of an example, and their dB or None."""
    script = folder / "titles.py"
    script.write_text(
        "import runpy\n"
        "import numpy as np\n"
        f"axes = runpy.run_path({str(ROOT / 'examples' / example)!r})['axes']\n"
        "for axis in np.ravel(axes):\n"
        "    print('title:', axis.get_title())\n"
    )
    lines = run_script(script, folder).splitlines()
    titles = [line.removeprefix("title: ") for line in lines if "title: " in line]
    found = [re.fullmatch(r"([\w ]+)(?:, (\d+\.\d+) dB)?", title) for title in titles]
    return {match[1]: match[2] and float(match[2]) for match in found}


def public_modules():
    """The modules among the public names of the package."""
    objects = {name: getattr(pydbcnn, name) for name in pydbcnn.__all__}
    return {name: value for name, value in objects.items() if inspect.ismodule(value)}


def public_callables():
    """Names and objects: classes and functions of the package and of its modules."""
    homes = [pydbcnn, *public_modules().values()]
    return {
        f"{home.__name__}.{name}": getattr(home, name)
        for home in homes
        for name in home.__all__
        if inspect.isclass(getattr(home, name))
        or inspect.isfunction(getattr(home, name))
    }


def public_members():
    """Names and objects: the methods and properties that our classes define.

    What a public class inherits from a base class of ours counts as well.
    """
    return {
        f"{owner}.{name}": getattr(value, name)
        for owner, value in public_callables().items()
        if inspect.isclass(value)
        for home in inspect.getmro(value)
        if home.__module__.partition(".")[0] == "pydbcnn"
        for name in vars(home)
        if not name.startswith("_")
    }


def public_objects():
    """Names and objects: all that has a docstring which `help` shows."""
    modules = {f"pydbcnn.{name}": value for name, value in public_modules().items()}
    return {"pydbcnn": pydbcnn, **modules, **public_callables(), **public_members()}


def test_public_objects_are_found():
    """The other tests look at each of these, so none may get lost."""
    names = set(public_objects())
    assert {
        "pydbcnn.datasets",
        "pydbcnn.DBCNNDeblurrer",
        "pydbcnn.DBCNNDeblurrer.fit",
        "pydbcnn.DBCNNDeblurrer.from_pretrained",
        "pydbcnn.DBCNNDeblurrer.radius_",
        "pydbcnn.GaussianBlurTransformer.transform",
        "pydbcnn.MotionBlurTransformer.transform",
        "pydbcnn.metrics.structural_similarity",
    } <= names


# ------------------------------------------------------------------- examples that run


def test_every_example_is_tested():
    assert sorted(path.name for path in (ROOT / "examples").glob("plot_*.py")) == (
        EXAMPLES
    )


def test_example_deblurs_a_photograph(tmp_path):
    titles = titles_of_panels("plot_deblur_photograph.py", tmp_path)
    assert list(titles) == ["sharp", "blurred", "restored"]
    assert titles["restored"] > titles["blurred"] + 0.5


def test_example_restores_each_part_for_its_own_blur(tmp_path):
    titles = titles_of_panels("plot_varying_blur.py", tmp_path)
    assert list(titles) == ["blurred", "one sigma", "tiles", "sharp"]
    assert titles["tiles"] > titles["one sigma"] + 0.3 > titles["blurred"]


def test_example_trains_to_an_effect(tmp_path):
    printed = run_script(ROOT / "examples" / "plot_train_pipeline.py", tmp_path)
    before, after = (
        float(re.search(rf"{name} +(\d+\.\d+) dB", printed)[1])
        for name in ("blurred", "restored")
    )
    assert after > before + 0.5


@pytest.mark.parametrize(
    ("page", "pattern"),
    [
        ("README.md", r"^```python\n((?s:.*?))^```"),
        ("docs/index.rst", r"^\.\. code-block:: python\n\n((?: {3}.*\n|\n)+)"),
    ],
)
def test_first_python_of_a_page_runs(page, pattern, tmp_path):
    text = (ROOT / page).read_text(encoding="utf-8")
    block = re.search(pattern, text, re.MULTILINE)
    assert block, f"{page} shows no Python"
    script = tmp_path / "first.py"
    script.write_text(textwrap.dedent(block[1]), encoding="utf-8")
    run_script(script, tmp_path)


def run_doctests(tests):
    """Run examples of docstrings or pages; returns how many there were."""
    report = []
    runner = doctest.DocTestRunner(verbose=False)
    for test in tests:
        runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)
    return runner.tries


@pytest.mark.parametrize("name", public_objects())
def test_examples_of_docstrings(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    finder = doctest.DocTestFinder(recurse=False)
    run_doctests(finder.find(public_objects()[name], name, module=pydbcnn, globs={}))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("page", "least"), [("user_guide.rst", 20), ("gpu.rst", 2)])
def test_examples_of_a_page(page, least, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / page
    text = page.read_text(encoding="utf-8")
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    assert run_doctests([test]) > least
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------- names that are explained


@pytest.mark.parametrize("name", public_objects())
def test_docstrings_are_complete(name):
    wanted = NUMPYDOC_CODES | ({"EX01"} if name in public_functions() else set())
    errors = [error for error in validate(name)["errors"] if error[0] in wanted]
    assert not errors


def public_functions():
    """Names of what has to show an example: all that is called, but errors."""
    return {
        name
        for name, value in public_callables().items()
        if not (inspect.isclass(value) and issubclass(value, Exception))
    }


@pytest.mark.parametrize("name", public_modules())
def test_values_of_modules_are_explained(name):
    """Values have no docstring of their own, but a string after their assignment."""
    module = public_modules()[name]
    values = {
        public
        for public in module.__all__
        if f"{module.__name__}.{public}" not in public_callables()
    }
    body = ast.parse(inspect.getsource(module)).body
    explained = {
        target.id
        for statement, after in pairwise(body)
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
    }
    assert values <= explained


def api_pages():
    """The text of the reference, without what Sphinx generates."""
    pages = sorted((ROOT / "docs" / "api").glob("*.rst"))
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


@pytest.mark.parametrize("home", [pydbcnn, *public_modules().values()])
def test_every_public_name_is_in_the_reference(home):
    text = api_pages()
    missing = [name for name in home.__all__ if not re.search(rf"\b{name}\b", text)]
    assert not missing


def commands():
    """The parsers of the commands, by name."""
    actions = build_parser()._actions
    (found,) = (a for a in actions if isinstance(a, argparse._SubParsersAction))
    return found.choices


@pytest.mark.parametrize("name", commands())
def test_every_option_is_on_the_page_of_the_command_line(name):
    """In the section of its command; --help and --quiet are told of all."""
    page = (ROOT / "docs" / "command_line.rst").read_text(encoding="utf-8")
    section = page.partition(f".. _{name}:")[2].partition("\n.. _")[0]
    options = {
        option
        for action in commands()[name]._actions
        for option in action.option_strings
        if option.startswith("--")
    } - {"--help", "--quiet"}
    assert {option for option in options if f"``{option}``" not in section} == set()
    assert f"pydbcnn {name}" in section


def test_every_option_on_the_page_of_the_command_line_exists():
    page = (ROOT / "docs" / "command_line.rst").read_text(encoding="utf-8")
    options = {
        option
        for parser in (build_parser(), *commands().values())
        for action in parser._actions
        for option in action.option_strings
    }
    assert set(re.findall(r"(?<!-)--[a-z][a-z-]+", page)) <= options
