"""The benchmark in short, against the real processes, and against one that lies."""

from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from ordersite.bench.plan import AFTER, planned
from ordersite.bench.run import measure, problems
from ordersite.tests.doctored import Events, doctored_engine
from ordersite.tests.engine import RunningEngine
from ordersite.tests.test_bench_checker import HAPPY

ROLES = {"web", "worker", "keeper", "postgres", "redis", "localnet"}


@pytest.mark.parametrize(
    ("shape", "changes"),
    [
        ("sockets", {"orders": 10, "concurrency": 5, "every": 4}),
        ("shared", {"orders": 10, "concurrency": 5, "sockets": 2}),
        ("post", {"orders": 5, "concurrency": 5}),
        ("burst", {"orders": 5, "concurrency": 3}),
        ("open", {"orders": 5, "rate_per_s": 50.0}),
        ("lists", {"orders": 5, "concurrency": 5, "readers": 2}),
    ],
)
def test_every_event_is_heard_and_the_figures_add_up(
    running_engine: RunningEngine, shape: str, changes: dict[str, Any]
):
    plan = planned(shape, warmup=0, **changes)

    record = measure(
        plan,
        running_engine.url,
        root=running_engine.process.pid,
        key=running_engine.key,
    )

    assert problems(record) == []
    assert record["placed"] == record["answered"] == plan.orders
    assert sum(record["ends"].values()) == plan.orders
    # None was retried: pending, routing, building, submitted, confirmed.
    assert record["ends"] == {"confirmed": plan.orders}
    assert record["events"]["events"] == 5 * plan.orders
    assert record["orders_per_s"] > 0
    assert record["last_stored_s"] <= record["seconds"]
    assert record["post_ms"]["p50"] <= record["post_ms"]["p99"]
    if plan.follow != AFTER:
        assert record["post_ms"]["p50"] < record["confirmed_ms"]["p50"]
    assert set(record["cpu_ms_per_order"]) == ROLES
    assert set(record["peak_mib"]) == ROLES | {"generator"}
    assert record["cpu_ms_per_order"]["worker"] > 0
    assert (record["lists"] > 0) == (shape == "lists")
    looks = {"sockets": [4, 8]}.get(shape, [])
    assert [look["ended"] for look in record["way"]] == looks
    for look in record["way"]:
        assert set(look["cpu_ms_per_order"]) == ROLES
        assert look["mib"]["worker"]["pss"] > 10


def test_idle_sockets_are_all_open_while_they_are_held(running_engine: RunningEngine):
    plan = planned("idle", orders=0, sockets=30, hold_s=0.1)

    record = measure(
        plan,
        running_engine.url,
        root=running_engine.process.pid,
        key=running_engine.key,
    )

    assert problems(record) == []
    assert record["sockets_opened"] == 30
    assert record["peak_mib"]["web"]["rss"] > 10


def test_the_command_prints_and_writes_down_each_run(
    running_engine: RunningEngine, tmp_path: Path
):
    out, said = tmp_path / "runs.jsonl", StringIO()
    call_command(
        *("bench", "unloaded", "--orders=2", "--warmup=1", "--repeat=2"),
        *("--url", running_engine.url, "--up", str(running_engine.process.pid)),
        *("--out", str(out), "--label", "short", "--key", running_engine.key),
        stdout=said,
    )

    runs = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(run["label"], run["placed"]) for run in runs] == [("short", 2)] * 2
    for run in runs:
        assert run["machine"]["loop_10m_s"] > 0
        assert run["versions"]["rq"] == "2.12.0"
        assert run["problems"] == []
        total = sum(run["cpu_ms_per_order"].values())
        assert f"CPU ms/order   {total:.2f}: " in said.getvalue()
    assert "10: 0 missed, 0 repeated, 0 reordered, 0 illegal" in said.getvalue()
    assert "unloaded, 2 runs:" in said.getvalue()


@pytest.mark.parametrize("key", ["", "dex_x"])
def test_an_engine_that_wants_another_key_is_not_measured(
    running_engine: RunningEngine, key: str
):
    with pytest.raises(CommandError, match="--key"):
        call_command("bench", "post", "--url", running_engine.url, "--key", key)


LIES: list[tuple[Events, str]] = [
    ([*HAPPY[:2], *HAPPY[3:]], "missed"),
    ([*HAPPY[:3], *HAPPY[2:]], "repeated"),
    ([HAPPY[0], HAPPY[2], HAPPY[1], *HAPPY[3:]], "reordered"),
    ([*HAPPY[:2], (3, "submitted"), (4, "confirmed")], "illegal"),
]


@pytest.mark.parametrize(("events", "what"), LIES)
def test_a_lie_about_each_order_is_counted_once_per_order(events: Events, what: str):
    with doctored_engine(events) as url:
        record = measure(planned("sockets", orders=7, warmup=0), url, root=None)

    assert problems(record) == [f"7 events {what}"]
    assert record["events"]["events"] == 7 * len(events)


def test_a_shared_socket_that_repeats_makes_the_command_fail(tmp_path: Path):
    out, said = tmp_path / "runs.jsonl", StringIO()
    with (
        doctored_engine([*HAPPY[:3], *HAPPY[2:]]) as url,
        pytest.raises(CommandError, match="1 runs failed"),
    ):
        call_command(
            *("bench", "shared", "--orders=3", "--warmup=0", "--url", url),
            *("--out", str(out)),
            stdout=said,
        )

    assert "FAILED: 3 events repeated" in said.getvalue()
    assert json.loads(out.read_text())["problems"] == ["3 events repeated"]


@pytest.mark.prove
@pytest.mark.timeout(600)
def test_every_shape_runs_in_a_house_of_its_own(tmp_path: Path):
    out = tmp_path / "runs.jsonl"
    for words in (
        "sockets shared post open lists --orders 100 --sockets 3 --concurrency 20",
        "burst --orders 50 --landing-delay 1",
        "unloaded --orders 10",
        "idle --orders 100 --sockets 200 --hold 3",
    ):
        done = subprocess.run(
            [sys.executable, "manage.py", "bench", *words.split(), "--out", str(out)],
            cwd=settings.BASE_DIR,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    for line in out.read_text().splitlines():
        run = json.loads(line)
        assert sum(run["claims"].values()) >= sum(run["ends"].values())
        assert run["versions"]["postgres"]
