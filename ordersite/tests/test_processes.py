from __future__ import annotations

import errno
import io
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from ordersite import processes
from ordersite.console import Console
from ordersite.processes import Child, Supervisor

# A worker whose own child moves to a group of its own and ignores SIGTERM.
WITH_GRANDCHILD = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
child = subprocess.Popen(
    [sys.executable, "-c", "import signal, time\\n"
     "signal.signal(signal.SIGTERM, signal.SIG_IGN)\\ntime.sleep(60)"],
    process_group=0,
)
print(child.pid, flush=True)
time.sleep(60)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""


class Screen(io.StringIO):
    """A terminal whose lines a test waits for."""

    def wait_for(self, condition: Callable[[list[str]], bool]) -> list[str]:
        give_up_at = time.monotonic() + 10
        while not condition(lines := self.getvalue().splitlines()):
            assert time.monotonic() < give_up_at, lines
            time.sleep(0.01)
        return lines


@pytest.fixture
def screen() -> Screen:
    return Screen()


def make_child(screen: Screen, folder: Path, code: str, **options: Any) -> Child:
    return Child(
        name="child",
        command=[sys.executable, "-c", code],
        environment=dict(os.environ),
        folder=folder,
        log=folder / "log" / "child.log",
        console=Console(screen),
        **options,
    )


def test_lines_have_the_name_before_them_and_go_to_the_log(
    screen: Screen, tmp_path: Path
):
    child = make_child(screen, tmp_path, "print('one'); print('two'); exit(3)")
    child.start()

    assert child.wait() == 3
    assert screen.getvalue() == "child    | one\nchild    | two\n"
    assert child.log.read_text() == "one\ntwo\n"


def test_a_stop_ends_the_grandchildren_too(screen: Screen, tmp_path: Path):
    child = make_child(screen, tmp_path, WITH_GRANDCHILD)
    child.start()
    line = screen.wait_for(lambda lines: len(lines) == 1)[0]
    grandchild = psutil.Process(int(line.split("|")[1]))

    child.stop()

    assert psutil.wait_procs([grandchild], timeout=5)[1] == []


def test_a_child_that_does_not_stop_is_killed(screen: Screen, tmp_path: Path):
    child = make_child(screen, tmp_path, STUBBORN, patience_s=0.1)
    child.start()
    screen.wait_for(lambda lines: len(lines) == 1)

    child.stop()

    assert not child.running()
    assert "child    | does not stop: killed" in screen.getvalue()


def watched_three_deaths(supervisor: Supervisor, lines: list[str]) -> bool:
    supervisor.watch_once()
    return sum("died" in line for line in lines) == 3


def test_a_dead_child_starts_again_after_a_growing_delay(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(processes, "FIRST_DELAY_S", 0.01)
    supervisor = Supervisor(Console(screen))
    supervisor.start(make_child(screen, tmp_path, "print('born')"))
    try:
        lines = screen.wait_for(lambda said: watched_three_deaths(supervisor, said))
    finally:
        supervisor.stop()

    assert [line.split("| ")[1] for line in lines if "died" in line] == [
        "died; starts again in 0.01 s",
        "died; starts again in 0.02 s",
        "died; starts again in 0.04 s",
    ]
    again = [line.split("| ")[1] for line in lines if "started again" in line]
    assert len(set(again)) == 2
    assert all(re.fullmatch(r"started again, process [0-9]+", said) for said in again)


def test_a_dead_child_starts_again_at_once_where_that_is_asked_for(
    screen: Screen, tmp_path: Path
):
    supervisor = Supervisor(Console(screen), at_once=True)
    supervisor.start(make_child(screen, tmp_path, "print('born')"))
    try:
        lines = screen.wait_for(lambda said: watched_three_deaths(supervisor, said))
    finally:
        supervisor.stop()

    died = [line.split("| ")[1] for line in lines if "died" in line]
    assert died == ["died; starts again in 0 s"] * 3


def test_the_last_started_stops_first(screen: Screen, tmp_path: Path):
    order: list[str] = []

    class Recorded:
        def __init__(self, name: str) -> None:
            self.name = name

        def start(self) -> None:
            order.append(f"start {self.name}")

        def running(self) -> bool:
            return True

        def stop(self) -> None:
            order.append(f"stop {self.name}")

    supervisor = Supervisor(Console(screen))
    supervisor.start(Recorded("database"))
    supervisor.start(Recorded("worker"))
    supervisor.stop()

    assert order == ["start database", "start worker", "stop worker", "stop database"]


def test_a_closed_terminal_harms_nothing(tmp_path: Path):
    class ClosedTerminal(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.EIO, "Input/output error")

    child = make_child(Screen(), tmp_path, "print('one'); print('two')")
    child.console = Console(ClosedTerminal())
    child.start()

    assert child.wait() == 0
    assert child.log.read_text() == "one\ntwo\n"
