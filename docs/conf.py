"""How Sphinx builds these pages. The build needs no network."""

import re
from pathlib import Path

import pydbcnn
from pydbcnn._network.network import Network
from pydbcnn.backends._cuda import fused_kernels

DOCS = Path(__file__).parent
ROOT = DOCS.parent

project = "pydbcnn"
author = "the authors of pydbcnn"
copyright = author
release = version = pydbcnn.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "generated/*.inc"]
templates_path = ["_templates"]
# In docstrings, single backticks stand for names, as in scikit-learn's.
default_role = "py:obj"

html_theme = "pydata_sphinx_theme"
html_title = "pydbcnn"
html_static_path = ["_static"]
html_css_files = ["pydbcnn.css"]
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
SINGLE_PAGES = [
    "index",
    "user_guide",
    "command_line",
    "blur",
    "engine",
    "gpu",
    "speed",
    "quality",
    "changelog",
]
html_sidebars = {page: [] for page in SINGLE_PAGES}
toc_object_entries_show_parents = "hide"

autosummary_generate = True
autodoc_typehints = "none"

numpydoc_show_class_members = False
numpydoc_validation_checks = set()


sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples"),
    "gallery_dirs": "auto_examples",
    "filename_pattern": "plot_",
    "ignore_pattern": r"demo\.py",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "remove_config_comments": True,
}


def write_changelog():
    """Turn the little Markdown that CHANGELOG.md uses into reStructuredText."""
    lines = []
    for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines():
        line = re.sub(r"\[([^]]+)\]\((\S+?)\)", r"`\1 <\2>`__", line)
        line = re.sub(r"(?<!`)`([^`<]+)`(?!`)", r"``\1``", line)
        heading = re.match(r"(#+) (.*)", line)
        if heading:
            title = heading[2].replace("[", "").replace("]", "")
            lines += [title, "=-~"[len(heading[1]) - 1] * len(title)]
        else:
            lines.append(line)
    write_include("changelog.inc", lines)


def write_kernels():
    """The threads and the shared memory of the fused kernels, as a table."""
    lines = [
        ".. csv-table::",
        "   :header-rows: 1",
        "   :widths: auto",
        "",
        "   tuned kernel,channels,precision,threads of a block,bytes of shared memory",
    ]
    for channels in fused_kernels.CHANNELS:
        sizes = fused_kernels.N_FILTERS, fused_kernels.KERNEL_SIZES
        network = Network(channels, channels, *sizes)
        kernels = [
            (precision, fused_kernels.forward_kernel(network, precision))
            for precision in ("float32", "tf32", "bfloat16")
        ]
        kernels.append(("tf32", fused_kernels.gradient_kernel(network)))
        for precision, kernel in kernels:
            name = kernel.name.partition("<")[0]
            size = f"{kernel.threads},{kernel.shared_memory}"
            lines.append(f"   ``{name}``,{channels},{precision},{size}")
    write_include("kernels.inc", lines)


def write_include(name, lines):
    """Write a file that pages include."""
    target = DOCS / "generated" / name
    target.parent.mkdir(exist_ok=True)
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")


write_changelog()
write_kernels()
