"""The number of processors to use is that which joblib finds."""

import builtins
import os

import joblib
import pytest

from pydbcnn.backends.threads import usable_processors

V2 = "cpu.max"
QUOTA, PERIOD = "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"
# Files of a container, and the processors that they leave of 64.
CONTAINERS = {
    "no files": ({}, 64),
    "version 2": ({V2: "250000 100000\n"}, 3),
    "version 2, a part of one": ({V2: "20000 100000\n"}, 1),
    "version 2, exactly": ({V2: "300000 100000\n"}, 3),
    "version 2, no limit": ({V2: "max 100000\n"}, 64),
    "version 1": ({QUOTA: "150000\n", PERIOD: "50000\n"}, 3),
    "version 1, no limit": ({QUOTA: "-1\n", PERIOD: "100000\n"}, 64),
    "version 1, half of it": ({QUOTA: "100000\n"}, 64),
    "both": ({V2: "400000 100000\n", QUOTA: "100000\n", PERIOD: "100000\n"}, 4),
}


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A machine of 64 processors that no variable limits."""
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.delenv("LOKY_MAX_CPU_COUNT", raising=False)


def put_in_container(monkeypatch, tmp_path, files):
    """Let files of `tmp_path` stand where Linux has the limits of containers."""
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)

    def elsewhere(function):
        def moved(path, *arguments, **options):
            if isinstance(path, str):
                path = path.replace("/sys/fs/cgroup", str(tmp_path))
            return function(path, *arguments, **options)

        return moved

    monkeypatch.setattr(builtins, "open", elsewhere(builtins.open))
    monkeypatch.setattr(os.path, "exists", elsewhere(os.path.exists))


@pytest.mark.parametrize(("files", "expected"), CONTAINERS.values(), ids=CONTAINERS)
def test_containers(monkeypatch, tmp_path, files, expected):
    put_in_container(monkeypatch, tmp_path, files)
    assert usable_processors() == joblib.cpu_count() == expected


def test_affinity(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1})
    assert usable_processors() == joblib.cpu_count() == 1


@pytest.mark.parametrize("count", ["1", "7", "0", "1000"])
def test_the_variable_of_joblib(monkeypatch, tmp_path, count):
    put_in_container(monkeypatch, tmp_path, {})
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", count)
    assert usable_processors() == joblib.cpu_count() == max(1, min(64, int(count)))


def test_this_machine(monkeypatch):
    monkeypatch.undo()
    assert usable_processors() == joblib.cpu_count()
