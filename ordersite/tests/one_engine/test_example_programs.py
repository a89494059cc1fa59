"""The programs of docs/examples, run as their reader runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from orders.tests.helpers import HAPPY_PATH
from ordersite.tests.engine import RunningEngine

EXAMPLES = Path(settings.BASE_DIR) / "docs" / "examples"


def start(
    url: str, key: str, name: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        env=os.environ | {"DEX_URL": url, "DEX_KEY": key},
        capture_output=True,
        text=True,
        timeout=60,
    )


def run(engine: RunningEngine, name: str, *arguments: str) -> str:
    done = start(engine.url, engine.key, name, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_order_is_submitted_and_streamed_by_the_example_programs(running_engine):
    order_id, ws_url = run(running_engine, "submit.py", "A", "B", "0.5").split()
    lines = run(running_engine, "stream_with_resume.py", order_id).splitlines()
    rest = run(running_engine, "stream_with_resume.py", order_id, "2").splitlines()

    assert f"orderId={order_id}&ticket=" in ws_url
    events = [json.loads(line) for line in lines]
    assert [event["status"] for event in events] == [*HAPPY_PATH]
    assert rest == lines[2:]


def test_an_order_that_is_refused_is_told_with_the_fields_that_are_wrong(
    running_engine,
):
    done = start(
        running_engine.url, running_engine.key, "submit.py", "A", "ZZZ", "-100"
    )

    assert done.returncode == 1
    said, *fields = done.stderr.splitlines()
    assert said.startswith("400 validation_failed: ")
    assert {field.split(": ")[0] for field in fields} == {"tokenOut", "amountIn"}
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("submit.py", ["A", "B", "1"]), ("stream_with_resume.py", ["1"])],
)
def test_a_program_without_a_key_says_in_one_sentence_what_to_set(name, arguments):
    done = start("http://127.0.0.1:9", "", name, *arguments)

    assert done.returncode == 1
    assert done.stderr == (
        "Set DEX_KEY to an API key: `make run` keeps one in var/development_key, "
        "`manage.py apikey create` makes one.\n"
    )
