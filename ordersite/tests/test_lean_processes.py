"""What a process does not need it does not load."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings


def output(*words: str) -> str:
    """Return what an interpreter prints in the project's folder."""
    run = subprocess.run(
        [sys.executable, *words],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return run.stdout


@pytest.fixture(scope="module")
def worker() -> dict[str, Any]:
    """What a process that loaded the worker says of itself."""
    found: dict[str, Any] = json.loads(output("manage.py", "shell", "-v0", "-c", ASKS))
    return found


ASKS = """
import gc, json, sys
has_client = "aiohttp" in sys.modules
import execution.assembly, execution.worker
print(json.dumps({
    "HTTP client": has_client,
    "web server": list({"daphne", "twisted", "autobahn"} & set(sys.modules)),
    "collects": gc.isenabled(),
    "left out": gc.get_freeze_count(),
}))
"""


def test_a_command_that_asks_no_endpoint_loads_no_http_client(worker):
    assert not worker["HTTP client"]


def test_a_worker_holds_no_web_server_in_its_memory(worker):
    assert worker["web server"] == []


def test_a_started_process_collects_garbage_and_does_not_look_for_it_in_code(worker):
    assert worker["collects"]
    assert worker["left out"] > 100_000


def test_runserver_is_that_of_daphne_which_serves_sockets_too():
    assert "--http_timeout" in output("manage.py", "runserver", "--help")
