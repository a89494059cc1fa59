"""The programs of docs/examples, run as their reader runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from orders.tests.helpers import HAPPY_PATH
from ordersite.tests.engine import RunningEngine

EXAMPLES = Path(settings.BASE_DIR) / "docs" / "examples"


def run(engine: RunningEngine, name: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        env=os.environ | {"DEX_URL": engine.url, "DEX_KEY": engine.key},
        capture_output=True,
        text=True,
        timeout=60,
    )
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
