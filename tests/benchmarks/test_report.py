"""The report of the benchmarks: what was measured arrives in it, and nothing else."""

import csv
import socket
import time
import xml.etree.ElementTree as ET

import machine
import pytest
import report
import timing
from report import Absent, Comparison, Figures

MACHINE = {"processor": "a processor"}
FAST = Comparison(
    "a small image",
    {"pydbcnn": 0.020, "ONNX Runtime": 0.050, "PyTorch contiguous": 0.064},
    {"OpenVINO": "not installed", "torch.compile": "failed: no compiler"},
    goal=2.0,
    share=0.875,
)
SLOW = Comparison("a large image", {"pydbcnn": 0.2, "ONNX Runtime": 0.1})
ROWS = {
    "forward": [FAST, SLOW],
    "memory": [Figures({"": "predict", "MiB": "12"}), Absent("fit", "no memory")],
}


def test_table_of_comparisons():
    found = report.table([FAST, SLOW])
    assert found.columns == [
        *("", "pydbcnn", "times as fast", "goal", "share of peak"),
        *("ONNX Runtime", "PyTorch contiguous"),
    ]
    assert found.rows == [
        ["a small image", "20.0", "2.50", "2.0", "88 %", "50.0", "64.0"],
        ["a large image", "200.0", "0.50", "-", "-", "100.0", "-"],
    ]
    assert found.notes == [
        "not installed: OpenVINO",
        "torch.compile: failed: no compiler",
    ]


def test_rows_without_peers():
    alone = Comparison("an image", {"pydbcnn": 0.02}, {"OpenVINO": "not installed"})
    assert report.table([alone]).rows == [["an image", "20.0"]]


def test_absent_rows_are_named_once_a_reason():
    found = report.table([Absent("grey", "no engine"), Absent("colour", "no engine")])
    assert found == report.Table([], [], ["grey; colour: no engine"])


def test_markdown():
    text = report.markdown(MACHINE, ROWS, rounds=9)
    assert "| processor | a processor |" in text
    assert "Medians of 9 rounds" in text
    assert "| a small image | 20.0 | 2.50 | 2.0 | 88 % | 50.0 | 64.0 |" in text
    assert text.index("## Forward, float32") < text.index("## Memory")
    assert "- fit: no memory" in text
    assert "Training" not in text


def test_restructured_text_holds_the_same_tables():
    text = report.restructured_text(MACHINE, ROWS, rounds=9)
    tables = text.split(".. csv-table::\n   :header-rows: 1\n   :widths: auto\n\n")[1:]
    parsed = [
        list(csv.reader(line.strip() for line in part.split("\n\n")[0].splitlines()))
        for part in tables
    ]
    expected = [report.table(ROWS[name]) for name in ("forward", "memory")]
    assert parsed[1:] == [[found.columns, *found.rows] for found in expected]


def test_layers_have_a_file_that_two_pages_include():
    rows = {"layers": [Figures({"": "grey", "layer 1": "140 %, 60 %"})]}
    assert ".. include:: layers.inc\n" in report.restructured_text(MACHINE, rows, 9)
    text = report.files(MACHINE, rows, 9)["layers.inc"].decode()
    assert text.startswith("Forward of one image")
    assert text.endswith('\n\n   "","layer 1"\n   "grey","140 %, 60 %"\n')
    assert "140 %, 60 %" in report.markdown(MACHINE, rows, 9)


def test_chart_is_the_same_every_time():
    svg = report.chart(ROWS)
    assert ET.fromstring(svg).tag.endswith("svg")
    assert svg == report.chart(ROWS)


def test_chart_takes_the_fastest_way_to_use_a_library():
    ratios = {"PyTorch contiguous": 3.0, "torch.compile": 2.0, "OpenVINO bf16": 1.5}
    assert report._by_library(ratios) == {"OpenVINO": 1.5, "PyTorch": 2.0}


def test_there_is_no_chart_without_bars():
    assert set(report.files(MACHINE, {"memory": ROWS["memory"]}, 9)) == {
        "cpu.md",
        "speed.inc",
    }


def test_the_machine_is_described_and_not_named():
    start = machine.core_seconds()
    time.sleep(0.1)  # the clock of the cores ticks every hundredth of a second
    rows = machine.describe(start)
    assert rows["processor"]
    assert rows["used by other programs"].endswith("% of the time of the cores")
    assert socket.gethostname() not in " ".join(rows.values()).split()


def test_peers_that_do_not_run_are_named():
    def fails():
        raise RuntimeError("no /opt/tools/compiler\nand more")

    makers = {
        "fine": (("numpy",), lambda: lambda: 1.5),
        "broken": (("numpy",), lambda: fails),
        "unknown": (("no_such_package",), None),
    }
    calls, results, absent = timing.start(makers, n_calls=2)
    assert set(calls) == {"fine"}
    assert results == {"fine": [1.5, 1.5]}
    assert absent == {"broken": "failed: no compiler", "unknown": "not installed"}


def test_written_files_are_whole(tmp_path):
    path = tmp_path / "new" / "cpu.md"
    report.write(path, b"first")
    report.write(path, b"second")
    assert path.read_bytes() == b"second"
    with pytest.raises(TypeError):
        report.write(path, "no bytes")
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]
