"""A run in a folder of its own touches no other installation."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.conf import settings

from ordersite.bench.plan import planned
from ordersite.embedded import Layout
from ordersite.isolation import (
    enter_installation,
    inhabited,
    isolate,
    leave_installation,
    new_installation,
)


@pytest.fixture
def others(tmp_path: Path) -> Iterator[Layout]:
    """An installation of somebody else's, as far as its folders go."""
    layout = Layout(tmp_path / "var")
    layout.var_dir.mkdir()
    (layout.var_dir / "orders").touch()
    layout.make_socket_folder()
    (layout.sockets / "valkey.sock").touch()
    yield layout
    shutil.rmtree(layout.sockets, ignore_errors=True)


def run_in(layout: Layout, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of manage.py in somebody's installation."""
    environment = dict(os.environ)
    isolate(environment, layout.var_dir)
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("command", "folder"),
    [
        (["chaos"], "nothing-here"),
        (["bench", "--plan", json.dumps(planned("post").written())], ""),
    ],
)
def test_a_run_takes_no_folder_from_its_user(
    others: Layout, command: list[str], folder: str
):
    path = others.var_dir.parent / folder

    run = run_in(others, *command, "--folder", str(path))

    assert run.returncode == 2
    assert "--folder" in run.stderr
    assert "Traceback" not in run.stderr
    assert (others.var_dir / "orders").exists()
    assert (others.sockets / "valkey.sock").exists()


def test_a_plan_is_not_carried_out_in_an_installation_of_somebody_elses(
    others: Layout,
):
    run = run_in(others, "bench", "--plan", "{}")

    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert (others.var_dir / "orders").exists()
    assert (others.sockets / "valkey.sock").exists()


def test_a_folder_is_entered_once_and_only_by_the_run_it_was_made_for(tmp_path: Path):
    folder, environment = new_installation("dex-tests-")
    var_dir = Path(environment["VAR_DIR"])
    layout = Layout(var_dir)
    layout.make_socket_folder()

    assert enter_installation(tmp_path / "var") is None
    assert enter_installation(var_dir) == folder
    assert enter_installation(var_dir) is None

    leave_installation(folder, layout.sockets, keep=True)
    assert folder.exists()
    assert not layout.sockets.exists()
    leave_installation(folder, layout.sockets, keep=False)
    assert not folder.exists()


def test_a_run_keeps_its_folder_when_it_fails_or_is_told_to(tmp_path: Path):
    def is_there_after(name: str, *, keep: bool, fails: bool) -> bool:
        folder, sockets = tmp_path / name, tmp_path / f"sockets of {name}"
        folder.mkdir()
        sockets.mkdir()
        with suppress(KeyboardInterrupt), inhabited(folder, sockets, keep=keep):
            if fails:
                raise KeyboardInterrupt
        assert not sockets.exists()
        return folder.exists()

    assert not is_there_after("passed", keep=False, fails=False)
    assert is_there_after("kept", keep=True, fails=False)
    assert is_there_after("failed", keep=False, fails=True)
