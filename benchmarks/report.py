"""From rows of figures to tables, a chart and the files that hold them.

All but `write` are pure functions.
"""

import csv
import io
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from timing import OURS

from pydbcnn._files import write_whole

NO_FIGURE = "-"
TITLE = "Speed on the CPU"
HOW = (
    "Medians of {rounds} rounds after two that do not count, of fewer where a row says "
    "so. In each round, all that stand in a row run once, in turn, in one process, "
    "with two threads each. Times are in milliseconds; how many times as fast pydbcnn "
    "is, is in relation to the fastest of the others.",
    "A share of the peak is the arithmetic of the direct algorithm, two operations a "
    "multiplication and addition, in relation to a loop of nothing but fused "
    "multiply-adds that was timed in the same run. An algorithm that multiplies less "
    "can pass 100 %.",
)


@dataclass(frozen=True)
class Comparison:
    """Our time beside those of others.

    Parameters
    ----------
    what : str
        What was computed.
    seconds : dict of float
        By name, ours under `OURS`.
    absent : dict of str
        By name, why others were left out.
    goal : float, optional
        Times as fast as the fastest of the others.
    share : float, optional
        Of the peak of the processor.
    more : dict of str
        Further cells, by the name of their column.
    digits : int, default=1
        Of milliseconds, behind the point.
    """

    what: str
    seconds: dict
    absent: dict = field(default_factory=dict)
    goal: float | None = None
    share: float | None = None
    more: dict = field(default_factory=dict)
    digits: int = 1

    @property
    def ratios(self):
        """Seconds of the others in relation to ours, by name."""
        ours = self.seconds[OURS]
        others = {name: s for name, s in self.seconds.items() if name != OURS}
        return {name: seconds / ours for name, seconds in others.items()}


@dataclass(frozen=True)
class Figures:
    """Cells of a row, by the name of their column."""

    cells: dict


@dataclass(frozen=True)
class Absent:
    """A row that could not be measured, and why."""

    what: str
    reason: str


class Section(NamedTuple):
    """Rows of one kind; those that a second page shows have a file of their own."""

    title: str
    text: str
    in_chart: bool = False
    file: str | None = None


class Table(NamedTuple):
    """Cells as text, and what is to be said below them."""

    columns: list
    rows: list
    notes: list


FASTEST = "times as fast"
GOAL = "goal"
SHARE = "share of peak"

SECTIONS = {
    "forward": Section(
        "Forward, float32",
        "The network 9-1-5 with 64 and 32 filters, one image.",
        in_chart=True,
    ),
    "bfloat16": Section(
        "Forward, bfloat16",
        "The same in reduced precision. The share is that of the peak in bfloat16.",
        in_chart=True,
    ),
    "avx2": Section(
        "Forward, float32, AVX2",
        "pydbcnn with its engine for AVX2; the peer with all that the processor has.",
    ),
    "training": Section(
        "Training step",
        "Loss, gradient and an update by Adam; of pydbcnn, all of partial_fit. Sizes "
        "are those of the targets. The share leaves out the context around a patch.",
        in_chart=True,
    ),
    "networks": Section(
        "Other networks", "Forward of one image of 512 x 512, float32."
    ),
    "layers": Section(
        "Layer by layer",
        "Forward of one image of 1024 x 1024: the share of the peak in each layer, "
        "then the share of the time. Pixels are read and written beside the layers.",
        file="layers.inc",
    ),
    "threads": Section("Two threads", "Forward of one image, float32."),
    "sizes": Section(
        "Sizes", "Prediction of greyscale images, float32, beside one of 1 Mpx."
    ),
    "memory": Section(
        "Memory",
        "By how much the peak of a process rises, beside what goes in and comes out.",
    ),
    "starts": Section("Cold starts", "Whole processes, from start to end."),
}


def table(rows):
    """The table of a section, from its rows.

    Parameters
    ----------
    rows : list of Comparison, Figures and Absent

    Returns
    -------
    table : Table
        Columns in the order in which rows have them first; those that say nothing
        are left out.
    """
    names = _peer_names(rows)
    cells = [_cells(row, names) for row in rows if not isinstance(row, Absent)]
    columns = list(dict.fromkeys(name for row in cells for name in row))
    columns = [
        name
        for name in columns
        if any(row.get(name, NO_FIGURE) != NO_FIGURE for row in cells)
    ]
    lines = [[row.get(name, NO_FIGURE) for name in columns] for row in cells]
    return Table(columns, lines, _notes(rows))


def _peer_names(rows):
    compared = [row for row in rows if isinstance(row, Comparison)]
    return list(dict.fromkeys(name for row in compared for name in row.ratios))


def _cells(row, names):
    if isinstance(row, Figures):
        return row.cells
    milliseconds = {
        name: _text(row.seconds.get(name), f".{row.digits}f", 1e3)
        for name in (OURS, *names)
    }
    return {
        "": row.what,
        OURS: milliseconds.pop(OURS),
        FASTEST: _text(min(row.ratios.values(), default=None), ".2f"),
        GOAL: _text(row.goal, ".1f"),
        SHARE: percent(row.share),
        **row.more,
        **milliseconds,
    }


def _text(value, form, scale=1):
    return NO_FIGURE if value is None else format(scale * value, form)


def percent(value):
    """Such as "87 %"."""
    return NO_FIGURE if value is None else f"{100 * value:.0f} %"


def _notes(rows):
    """Why peers and rows are left out: each reason once."""
    reasons = {}
    for row in rows:
        if isinstance(row, Absent):
            reasons.setdefault(row.reason, []).append(row.what)
        elif isinstance(row, Comparison):
            for name, reason in row.absent.items():
                reasons.setdefault(reason, []).append(name)
    notes = []
    for reason, names in reasons.items():
        listed = "; ".join(dict.fromkeys(names))
        first = reason == "not installed"
        notes.append(f"{reason}: {listed}" if first else f"{listed}: {reason}")
    return notes


def markdown(machine, rows, rounds, *, title=TITLE, how=HOW, sections=None):
    """The report as Markdown.

    Parameters
    ----------
    machine : dict of str
        What it was measured on.
    rows : dict of list
        By section.
    rounds : int
    title : str
    how : iterable of str
        Paragraphs, with ``{rounds}`` in them.
    sections : dict of Section, default=None
        In order; those of the CPU if None.

    Returns
    -------
    text : str
    """
    parts = [f"# {title}", *_how(rounds, how), markdown_table(_machine_table(machine))]
    for section, found in _tables(rows, sections):
        parts += [f"## {section.title}", section.text]
        parts += [markdown_table(found)] if found.rows else []
        parts += _list(found.notes)
    return "\n\n".join(parts) + "\n"


def restructured_text(machine, rows, rounds):
    """The report as reStructuredText, to be included below a title."""
    parts = [*_how(rounds), *heading("Machine"), csv_table(_machine_table(machine))]
    for section, found in _tables(rows):
        include = [f".. include:: {section.file}"]
        parts += heading(section.title)
        parts += include if section.file else _restructured_section(section, found)
    return "\n\n".join(parts) + "\n"


def _restructured_section(section, found):
    tables = [csv_table(found)] if found.rows else []
    return [section.text, *tables, *_list(found.notes)]


def _section_files(rows):
    """Name and reStructuredText of each section that has a file of its own."""
    for section, found in _tables(rows):
        if section.file:
            parts = _restructured_section(section, found)
            yield section.file, "\n\n".join(parts) + "\n"


def _tables(rows, sections=None):
    """Sections that have rows, in order, with their tables."""
    for name, section in (sections or SECTIONS).items():
        if name in rows:
            yield section, table(rows[name])


def _how(rounds, how=HOW):
    return [text.format(rounds=rounds) for text in how]


def _machine_table(machine):
    return Table(["", "measured on"], [list(row) for row in machine.items()], [])


def _list(notes):
    return ["\n".join(f"- {note}" for note in notes)] if notes else []


def markdown_table(found):
    """A `Table` as Markdown."""
    rule = ["---"] * len(found.columns)
    lines = [found.columns, rule, *found.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def heading(title):
    """A title in reStructuredText, as the parts of a page."""
    return [f"{title}\n{'-' * len(title)}"]


def csv_table(found):
    """A `Table` as reStructuredText."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n   ")
    writer.writerows([found.columns, *found.rows])
    options = "   :header-rows: 1\n   :widths: auto"
    return f".. csv-table::\n{options}\n\n   {text.getvalue().rstrip()}"


def chart(rows):
    """Bars: how much longer than ours the others take.

    Parameters
    ----------
    rows : dict of list
        By section.

    Returns
    -------
    svg : bytes
        On a white ground of its own, so that it can be read on any page.
    """
    import matplotlib
    from matplotlib.figure import Figure

    groups = list(_groups(rows))
    # The same rows give the same file.
    with matplotlib.rc_context({"svg.hashsalt": "pydbcnn"}):
        figure = Figure((8, 1.6 + 0.55 * len(groups)), facecolor="white")
        axes = figure.subplots()
        _draw_bars(axes, groups)
        _explain(axes, [label for label, _ in groups])
        figure.tight_layout()
        svg = io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None})
    return svg.getvalue()


def _groups(rows):
    """Label and ratios of each group of bars."""
    for name, section in SECTIONS.items():
        for row in rows.get(name, []):
            if section.in_chart and isinstance(row, Comparison) and row.ratios:
                yield f"{section.title}\n{row.what}", _by_library(row.ratios)


def _by_library(ratios):
    """The fastest of the ways in which a library was used, by the library's name."""
    return {
        library: min(ratios[name] for name in names)
        for library, names in groupby(sorted(ratios, key=_library), _library)
    }


def _library(name):
    return "PyTorch" if "torch" in name.lower() else name.removesuffix(" bf16")


# Told apart by most colour-blind readers (Okabe and Ito).
COLOURS = {"ONNX Runtime": "#0072B2", "OpenVINO": "#E69F00", "PyTorch": "#D55E00"}
BAR = 0.26


def _draw_bars(axes, groups):
    """Bars of a group lie around its place, however many there are."""
    named = {}
    for place, (_, ratios) in enumerate(groups):
        first = place - BAR * (len(ratios) - 1) / 2
        for index, (library, ratio) in enumerate(ratios.items()):
            bars = axes.barh(first + index * BAR, ratio, BAR, color=COLOURS[library])
            axes.bar_label(bars, fmt="%.1f", padding=2, fontsize=8)
            named[library] = bars
    named[OURS] = axes.axvline(1, color="black", linewidth=1.5)
    axes.legend(
        named.values(),
        named.keys(),
        loc="lower center",
        bbox_to_anchor=(0.5, 1),
        ncols=len(named),
        frameon=False,
    )


def _explain(axes, labels):
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.08)
    axes.set_ylabel("what is computed")
    axes.set_xlabel(f"time in relation to that of {OURS} (longer is slower)")
    axes.set_title(f"Times of others, where {OURS} takes 1", pad=32)
    axes.spines[["top", "right"]].set_visible(False)


def files(machine, rows, rounds):
    """All files of the report, by name, as bytes; no chart where it had no bars."""
    written = {
        "cpu.md": markdown(machine, rows, rounds).encode(),
        "speed.inc": restructured_text(machine, rows, rounds).encode(),
    }
    written |= {name: text.encode() for name, text in _section_files(rows)}
    if any(_groups(rows)):
        written["speed.svg"] = chart(rows)
    return written


def write(path, content):
    """Write a file; it appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content, overwrite=True)
