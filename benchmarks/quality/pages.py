"""The report as text: Markdown for the repository, reStructuredText for the pages."""

from report import Table, csv_table, heading, markdown_table

from .tables import PROTOCOL

TITLE = "Quality"


def markdown(machine, parts, title=TITLE, protocol=PROTOCOL):
    """The report as Markdown.

    Parameters
    ----------
    machine : dict of str
        When, how and on what it was measured.
    parts : list of tables.Part
    title : str
    protocol : tuple of str
        What comes first, as paragraphs.

    Returns
    -------
    text : str
    """
    lines = [f"# {title}", *protocol, markdown_table(_machine_table(machine))]
    for part in parts:
        lines += [f"## {part.title}", part.text, markdown_table(part.table)]
    return "\n\n".join(lines) + "\n"


def restructured_text(machine, parts, protocol=PROTOCOL):
    """The same as reStructuredText, to be included below a title."""
    lines = [*protocol, *heading("Machine"), csv_table(_machine_table(machine))]
    for part in parts:
        lines += [*heading(part.title), part.text, csv_table(part.table)]
    return "\n\n".join(lines) + "\n"


def _machine_table(machine):
    return Table(["", "measured on"], [list(row) for row in machine.items()], [])
