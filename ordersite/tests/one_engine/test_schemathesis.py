"""The running server against its OpenAPI document, with requests that schemathesis makes.

Every check that schemathesis has: no 5xx, no answer beside the document, nothing for who
sends no key or a wrong one, no invalid request let through, no valid one refused.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from orders.tests.documents import METHODS, openapi
from ordersite.tests.engine import RunningEngine

pytestmark = pytest.mark.early

HERE = "ordersite.tests.one_engine"
CONFIG = Path(__file__).with_name("schemathesis.toml")
# What can be done with an order, from placing it on.
OF_AN_ORDER = (
    *("executeOrder", "retrieveOrder", "retrieveOrderByClientId", "cancelOrder"),
    "makeTicket",
)


def run(
    engine: RunningEngine, folder: Path, hooks: str, *options: str, seed: int = 20_261
) -> str:
    """Run schemathesis with all checks; return what it printed, and fail as it does."""
    config = folder / "schemathesis.toml"
    config.write_text(f'hooks = "{HERE}.{hooks}"\n{CONFIG.read_text()}')
    command = [
        *(
            sys.executable,
            "-m",
            "schemathesis.cli",
            "--config-file",
            str(config),
            "run",
        ),
        *(f"{engine.url}/api/schema/", "--checks", "all", "--seed", str(seed)),
        *("-H", f"Authorization: Bearer {engine.key}", "--no-color"),
        *("--generation-database", "none", *options),
    ]
    environment = os.environ | {
        "PYTHONPATH": str(settings.BASE_DIR),
        # Its table of all characters takes a second to make; it keeps nothing else there.
        "HYPOTHESIS_STORAGE_DIRECTORY": str(settings.BASE_DIR / ".hypothesis"),
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def count(pattern: str, printed: str) -> int:
    found = re.search(pattern, printed)
    assert found, printed
    return int(found[1])


def on_everything(
    engine: RunningEngine, folder: Path, *bounds: str, **seed: int
) -> str:
    phases = ("--phases", "examples,coverage,fuzzing")
    return run(engine, folder, "schemathesis_hooks", *phases, *bounds, **seed)


def on_orders(engine: RunningEngine, folder: Path, *bounds: str, **seed: int) -> str:
    chosen = [word for name in OF_AN_ORDER for word in ("--include-operation-id", name)]
    options = ("--phases", "stateful", *chosen, *bounds)
    return run(engine, folder, "schemathesis_stateful", *options, **seed)


def test_the_server_does_what_its_document_says(running_engine, tmp_path):
    printed = on_everything(running_engine, tmp_path, "-n", "3")

    assert count(r"Tested: +(\d+)", printed) == len(operations())
    assert count(r"(\d+) generated", printed) > 500


def test_an_order_and_what_is_done_with_it_fit_the_document_step_by_step(
    running_engine, tmp_path
):
    printed = on_orders(running_engine, tmp_path, "-n", "12")

    assert count(r"Tested: +(\d+)", printed) == len(OF_AN_ORDER)
    assert count(r"API Links: +(\d+) covered", printed) >= 4


@pytest.mark.prove
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_server_does_what_its_document_says_at_length(
    running_engine, tmp_path, seed
):
    for run_on in (on_everything, on_orders):
        printed = run_on(running_engine, tmp_path, "--max-time", "120", seed=seed)
        sys.stdout.write(printed[printed.index("SUMMARY") :])


@pytest.mark.django_db
@pytest.mark.parametrize("authorization", [None, "Bearer x", "Basic eDp5"])
def test_nothing_is_told_or_done_without_a_key_that_counts(
    client, settings, authorization
):
    settings.ALLOW_ANONYMOUS = False
    headers = {} if authorization is None else {"Authorization": authorization}

    for method, path in operations():
        answer = client.generic(
            method.upper(), re.sub(r"\{.*?\}", "x", path), headers=headers
        )
        code = "authentication_required" if authorization is None else "invalid_key"
        assert (answer.status_code, answer.json()["code"]) == (401, code), path
        assert answer["WWW-Authenticate"] == "Bearer"


def operations() -> list[tuple[str, str]]:
    return [
        (method, path)
        for path, item in openapi()["paths"].items()
        for method in item
        if method in METHODS
    ]
