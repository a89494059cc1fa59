"""Clients of others: installed once into a folder of their own, run as processes."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

HERE = Path(__file__).parent
PINS = ("package.json", "package-lock.json", "requirements.txt")
INSTALL_TIMEOUT_S = 500
RUN_TIMEOUT_S = 60


def install() -> Path:
    """Return the folder with all clients; skip where they cannot be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("The clients from npm need node and npm, which are missing here.")
    pins = b"".join((HERE / name).read_bytes() for name in PINS)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    name = hashlib.sha256(pins + version.encode()).hexdigest()[:16]

    def fill(folder: Path) -> None:
        _install_node_modules(npm, folder)
        _install_python(folder / "python")

    return filled_once(Path(settings.BASE_DIR) / "var" / "foreign-clients", name, fill)


def filled_once(parent: Path, name: str, fill: Callable[[Path], None]) -> Path:
    """Return the folder `name`, which is complete or absent.

    An aborted `fill` leaves a folder `partial`, which the next one begins anew.
    """
    parent.mkdir(parents=True, exist_ok=True)
    filled = parent / name
    with (parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not filled.exists():
            partial = parent / "partial"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            fill(partial)
            partial.rename(filled)
    return filled


def _install_node_modules(npm: str, folder: Path) -> None:
    for name in PINS[:2]:
        shutil.copy(HERE / name, folder)
    _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)


def _install_python(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    wheels = ["--only-binary", ":all:", "--target", str(folder)]
    _run([*pip, *wheels, "-r", str(HERE / "requirements.txt")], HERE)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        reason = next((line for line in said if "error" in line.lower()), said[-1])
        pytest.skip(f"The foreign clients cannot be installed: {reason}")


async def run(installed: Path, script: str, task: dict[str, Any]) -> dict[str, Any]:
    """Run one of the scripts beside this file with a task; return what it reports."""
    if script.endswith(".py"):
        # Without `site`, so that nothing of this project's own packages is found.
        command = [sys.executable, "-S", str(HERE / script)]
        paths = {"PYTHONPATH": str(installed / "python")}
    else:
        command = ["node", "--no-deprecation", str(HERE / script)]
        paths = {"NODE_PATH": str(installed / "node_modules")}
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **paths},
    )
    try:
        async with asyncio.timeout(RUN_TIMEOUT_S):
            out, err = await process.communicate(json.dumps(task).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, f"{script} failed:\n{err.decode()}{out.decode()}"
    report: dict[str, Any] = json.loads(out)
    return report
