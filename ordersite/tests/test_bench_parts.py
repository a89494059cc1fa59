"""The parts of the benchmark: its orders, its meter, its report."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from dex.localnet import genesis
from orders import claims
from orders.tests.helpers import make_order
from ordersite.bench.counted import CLAIMING, count_claims, noted
from ordersite.bench.figures import percentiles
from ordersite.bench.meter import GENERATOR, Meter, memory_kib, role_of
from ordersite.bench.orders import bodies, largest, shown
from ordersite.bench.plan import SHAPES, planned
from ordersite.bench.report import append, lines, summary
from ordersite.bench.run import problems
from ordersite.management.commands.bench import Command


def test_orders_of_a_run_together_stay_within_their_slippage():
    plan = planned("sockets", orders=900, warmup=100)
    a, b = genesis.TOKENS["A"], genesis.TOKENS["B"]
    reserves = {
        (str(one.mint), str(other.mint)): min(
            pool.base_depth if one is pool.base else pool.quote_depth
            for pool in genesis.pools()
            if {pool.base, pool.quote} == {one, other}
        )
        for one, other in ((a, b), (b, a))
    }

    most = largest(plan)
    assert most == {pair: r // (100 * 2 * 1_000) for pair, r in reserves.items()}
    for text in bodies(plan):
        body = json.loads(text)
        token_in = next(t for t in (a, b) if str(t.mint) == body["tokenIn"])
        ceiling = most[body["tokenIn"], body["tokenOut"]]
        assert (
            ceiling // 2
            <= int(Decimal(body["amountIn"]).scaleb(token_in.decimals))
            <= ceiling
        )
    assert list(shown(plan)) == ["A→B", "B→A"]
    assert len(largest(planned("sockets", all_pairs=True))) == 10


@pytest.mark.parametrize(
    ("command", "role"),
    [
        ("python -m ordersite.bench.generator", GENERATOR),
        ("python -m ordersite.web --fd 3 ordersite.asgi:application", "web"),
        ("python -m ordersite.bench.counted /f/w manage.py rqworker orders", "worker"),
        ("python -m ordersite.bench.counted /f/k manage.py keeper", "keeper"),
        ("python manage.py localnet --port 8899", "localnet"),
        ("/wheel/bin/postgres -D /data", "postgres"),
        ("/wheel/valkey-server unixsocket:/tmp/x.sock", "redis"),
        ("python manage.py up", ""),
    ],
)
def test_a_process_is_known_by_its_command(command, role):
    assert role_of(command.split()) == role


# Uses 200 ms of CPU itself and 200 ms in a child that ends, then waits.
BURN = """
import os, sys, time
if pid := os.fork():
    os.waitpid(pid, 0)
while time.process_time() < 0.2:
    pass
if not pid:
    os._exit(0)
print("burned", flush=True)
sys.stdin.read()
"""


def test_cpu_is_counted_with_that_of_children_that_have_ended():
    with subprocess.Popen(
        [sys.executable, "-c", BURN, "keeper"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"burned\n"
        meter = Meter(None, child.pid)
        assert meter.cpu_ms()["keeper"] >= 380  # the kernel counts in ticks of 10 ms
        meter.sample()
        pss_kib, rss_kib = memory_kib(child.pid)
        peak = meter.peaks()["keeper"]
        assert 0 < pss_kib <= rss_kib
        assert peak.processes == 1
        assert peak.rss_mib * 1024 >= rss_kib * 0.9
        child.communicate()
    assert meter.cpu_ms() == {}


@pytest.mark.django_db
def test_claims_are_counted_by_how_many_orders_they_brought(tmp_path: Path):
    orders = [make_order() for _ in range(3)]
    counts: list[int] = []
    before = [getattr(claims, name) for name in CLAIMING]
    put_back = count_claims(counts.append)
    try:
        claims.claim_order(orders[0].id, owner="one")
        claims.claim_orders([order.id for order in orders], owner="two")
        claims.claim_overdue(limit=5, owner="keeper")
    finally:
        put_back()

    assert counts == [1, 2]
    assert [getattr(claims, name) for name in CLAIMING] == before
    (tmp_path / "worker").write_text("1\n2\n")
    assert noted(tmp_path / "worker") == 3
    assert noted(tmp_path / "keeper") == 0


def a_record(**members: Any) -> dict[str, Any]:
    return {
        "plan": planned("sockets").written(),
        "amounts": {"A→B": "1.5"},
        "machine": {"loop_10m_s": 0.5},
        "versions": {"python": "3.11"},
        "orders_per_s": 150.0,
        "placed_per_s": 160.0,
        "placed": 10,
        "answered": 10,
        "ends": {"confirmed": 9, "failed slippage_exceeded": 1},
        "events": {
            **{"events": 50, "missed": 0},
            **{"repeated": 0, "reordered": 0, "illegal": 0},
        },
        "errors": {},
        "post_ms": percentiles([1.0]),
        "confirmed_ms": percentiles([2.0]),
        "list_ms": {},
        "last_heard_s": 1.0,
        "last_stored_s": 0.9,
        "cpu_ms_per_order": {"web": 5.25, "worker": 2.5},
        "generator_cpu_ms_per_order": 1.0,
        "meter_cpu_ms_per_order": 0.1,
        "peak_mib": {"web": {"pss": 90.0, "rss": 120.0, "processes": 2}},
        "way": [],
        "claims": {"worker": 30, "keeper": 10},
    } | members


def test_the_report_adds_up_what_it_shows():
    said = "\n".join(lines(a_record()))

    assert "150  (9 confirmed, 1 failed slippage_exceeded)" in said
    assert "7.75: web 5.25, worker 2.50 (apart: generator 1.00, meter 0.10)" in said
    assert "50: 0 missed, 0 repeated, 0 reordered, 0 illegal" in said
    assert "worker 30, keeper 10; share of keepers 25.0%" in said
    assert "web ×2 90 (120)" in said
    several = list(summary([a_record(), a_record(orders_per_s=100.0)]))
    assert several[0].split(maxsplit=1)[1] == "100.0 to 150.0, median 125.0"


def test_a_run_fails_by_events_errors_and_deaths_and_not_by_unhappy_ends():
    assert problems(a_record()) == []
    events = a_record()["events"] | {"missed": 2, "reordered": 1}
    wrong = a_record(events=events, errors={"POST 503": 4}, died=["worker"])
    assert problems(wrong) == [
        "2 events missed",
        "1 events reordered",
        "4 × POST 503",
        "worker died",
    ]


def test_each_run_is_one_more_line_of_json(tmp_path: Path):
    file = tmp_path / "new" / "runs.jsonl"
    append(a_record(label="first"), file)
    append(a_record(label="second"), file)

    runs = [json.loads(line) for line in file.read_text().splitlines()]
    assert [run["label"] for run in runs] == ["first", "second"]
    assert runs[0] == a_record(label="first")


def test_the_help_has_a_line_for_each_shape_and_the_defaults_of_the_options(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("BENCH_KEY", "very-secret")
    parser = Command().create_parser("manage.py", "bench")

    shown = parser.format_help()

    lines = shown.splitlines()
    assert [line.split()[0] for line in lines[-len(SHAPES) :]] == list(SHAPES)
    assert "orders in flight, or requests at once (default: 100; unloaded: 1)" in shown
    assert "orders a second (open) (default: 0; open: 100)" in shown
    assert "after all ended (default: live; post: after; idle: after)" in shown
    assert "default: None" not in shown
    assert "very-secret" not in shown


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (["odd"], "odd is none of the shapes"),
        (["open", "--rate", "0"], "--rate is above 0"),
        (["post", "--orders", "0"], "--orders is above 0"),
        (["post", "--concurrency", "0"], "--concurrency is above 0"),
        (["post", "--readers", "-1"], "--readers is 0 or more"),
        (["post", "--repeat", "0"], "--repeat is above 0"),
        (["post", "--url", "http://127.0.0.1:1"], "Start it with `make run`"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_started(
    wish: list[str], said: str
):
    with pytest.raises(CommandError, match=said):
        call_command("bench", *wish)
