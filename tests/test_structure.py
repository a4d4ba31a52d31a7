"""How the package is built: which part may import which, and the map of it."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import pydbcnn

PACKAGE = Path(pydbcnn.__file__).parent
CONTRIBUTING = Path(__file__).resolve().parents[1] / "CONTRIBUTING.md"
# From the top of the house to its foundations: a part imports those behind it alone.
# Public modules of the root are parts of their own.
PARTS = (
    "__main__",
    "cli",
    "_commands",
    "_versions",
    "_estimators",
    "_training",
    "pretrained",
    "persistence",
    "datasets",
    "_restoration",
    "metrics",
    "_degradations",
    "_blur_estimation",
    "backends",
    "_network",
    "_blur",
    "_photos",
    "_pixels",
    "_progress",
    "_files",
    "__init__",
    "_moved",
)
# Where scikit-learn may be imported when a module is: everything else has to start
# without it, as the command line does.
KNOW_SKLEARN = (
    "_estimators/",
    "_degradations/",
    "_blur_estimation/estimator.py",
    "datasets.py",
    "metrics.py",
)


def sources():
    """The modules of the package: name, path and syntax tree."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found.append((".".join(parts), path, ast.parse(path.read_text("utf-8"))))
    return found


SOURCES = sources()
MODULES = {name for name, _, _ in SOURCES} | {"backends._cpu.bindings"}


def absolute(module, node):
    """The module of the package that ``from ... import`` names, "" for its root."""
    if node.level == 0:
        name = node.module
        return name.removeprefix("pydbcnn").lstrip(".") if is_ours(name) else None
    folder = module.split(".")[:-1]
    above = folder[: len(folder) - (node.level - 1)]
    return ".".join([*above, *filter(None, [node.module])])


def is_ours(name):
    return name == "pydbcnn" or name.startswith("pydbcnn.")


def imports_of(module, tree):
    """Modules of the package that a module imports, at its start or later."""
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert not any(is_ours(alias.name) for alias in node.names), module
        if not isinstance(node, ast.ImportFrom):
            continue
        home = absolute(module, node)
        if home is None:
            continue
        for alias in node.names:
            inner = f"{home}.{alias.name}".lstrip(".")
            if inner in MODULES:
                imported.add(inner)
            else:
                imported.add(
                    home if home in MODULES else f"{home}.__init__".lstrip(".")
                )
    return imported


IMPORTS = {name: imports_of(name, tree) for name, _, tree in SOURCES}


def part_of(module):
    return module.split(".")[0]


def test_every_module_belongs_to_a_part():
    assert {part_of(module) for module in MODULES} == set(PARTS)


@pytest.mark.parametrize("module", sorted(IMPORTS))
def test_imports_run_one_way(module):
    here = PARTS.index(part_of(module))
    for imported in IMPORTS[module]:
        assert imported in MODULES
        assert PARTS.index(part_of(imported)) >= here, (
            f"pydbcnn.{module} imports pydbcnn.{imported}, which stands above it"
        )


def test_imports_have_no_circle():
    """Not between the modules of a part either."""
    assert len(list(TopologicalSorter(IMPORTS).static_order())) == len(MODULES)


def test_a_wrong_import_is_found():
    """The reader of imports sees those of functions, too."""
    code = "def f():\n    from ..cli import main\n    from .. import datasets\n"
    assert imports_of("_pixels.values", ast.parse(code)) == {"cli", "datasets"}


@pytest.mark.parametrize(("module", "path", "tree"), SOURCES, ids=lambda x: str(x)[:40])
def test_few_modules_know_scikit_learn(module, path, tree):
    names = [
        alias.name
        for node in tree.body
        if isinstance(node, ast.Import)
        for alias in node.names
    ]
    names += [
        node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)
    ]
    if any(name.split(".")[0] == "sklearn" for name in names):
        assert path.relative_to(PACKAGE).as_posix().startswith(KNOW_SKLEARN)


def test_only_the_engines_know_cython_and_their_kernels():
    for module, imported in IMPORTS.items():
        inside = part_of(module) == "backends"
        engines = {
            name for name in imported if name.startswith(("backends._c", "backends.c"))
        }
        if not inside and module != "_versions":
            assert not engines, f"pydbcnn.{module} imports {engines}"


def map_of_the_package():
    """The table of CONTRIBUTING.md: modules, and first lines of their docstrings."""
    rows = ["| module | what it is |", "|---|---|"]
    for part in PARTS:
        for module, path, tree in SOURCES:
            if part_of(module) != part or part.startswith("__"):
                continue
            first = ast.get_docstring(tree).splitlines()[0].rstrip(".")
            name = path.relative_to(PACKAGE).as_posix()
            if path.name == "__init__.py":
                rows.append(
                    f"| **`{name.removesuffix('__init__.py')}`** | **{first}** |"
                )
            else:
                rows.append(f"| `{name}` | {first} |")
    return "\n".join(rows)


def test_the_map_in_contributing_is_true():
    """`make map` writes it anew."""
    text = CONTRIBUTING.read_text("utf-8")
    table = re.search(r"<!-- map -->\n(.*)\n<!-- end of map -->", text, re.DOTALL)
    assert table[1] == map_of_the_package()


def test_first_lines_are_short_enough_for_a_map():
    for module, _, tree in SOURCES:
        lines = ast.get_docstring(tree).splitlines()
        assert len(lines) == 1 or not lines[1], f"{module}: the first line goes on"


if __name__ == "__main__":
    text = CONTRIBUTING.read_text("utf-8")
    text = re.sub(
        r"(?s)(<!-- map -->\n).*(\n<!-- end of map -->)",
        lambda found: found[1] + map_of_the_package() + found[2],
        text,
    )
    CONTRIBUTING.write_text(text, "utf-8")
