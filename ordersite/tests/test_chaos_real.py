"""The fault run in short, with real processes: `manage.py chaos` as an operator runs it."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.core.management import load_command_class

from ordersite.embedded import Layout, Postgres
from ordersite.isolation import isolate

pytestmark = [pytest.mark.early, pytest.mark.timeout(240)]

NOTHING = (
    *("--kills", "0", "--freezes", "0", "--web-kills", "0", "--flushes", "0"),
    *("--redis-stops", "0", "--redis-stalls", "0", "--postgres-restarts", "0"),
    *("--node-stalls", "0", "--node-resets", "0", "--node-cuts", "0"),
)

SHORT = (
    *("--seed", "133", "--faults", "none,all", "--minutes", "0.1", "--total", "40"),
    *("--kills", "4", "--freezes", "1", "--web-kills", "2", "--flushes", "1"),
    *("--longest", "4", "--slot-time", "0.1", "--keepers", "1"),
)

# What the proof asks for: see docs/reliability.md.
AT_LENGTH = (
    *("--total", "2000", "--minutes", "0.7", "--kills", "200", "--freezes", "50"),
    *("--web-kills", "20", "--flushes", "10", "--redis-stops", "3"),
    *("--redis-stalls", "3", "--postgres-restarts", "5", "--node-stalls", "10"),
    *("--node-resets", "10", "--node-cuts", "10"),
)


@contextmanager
def running_chaos(*options: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Begin a run; yield its process and its folder, which is removed afterwards."""
    run = subprocess.Popen(
        [sys.executable, "manage.py", "chaos", *options],
        cwd=settings.BASE_DIR,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert run.stdout is not None
    first = run.stdout.readline()
    named = re.search(r"logs in (\S+)", first)
    assert named, first + run.communicate(timeout=30)[0]
    folder = Path(named[1])
    try:
        yield run, folder
    finally:
        run.kill()  # its processes end with it
        run.communicate()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(Layout(folder / "var").sockets, ignore_errors=True)


@dataclass(frozen=True)
class EndedRun:
    """A run that has ended, and its folder with all that it left."""

    code: int
    said: str
    folder: Path


@pytest.fixture(scope="module")
def short_run() -> Iterator[EndedRun]:
    with running_chaos(*SHORT, "--keep") as (run, folder):
        said, _ = run.communicate(timeout=200)
        yield EndedRun(run.returncode, said, folder)


def test_no_fault_loses_doubles_or_hides_an_order(short_run: EndedRun):
    said = short_run.said

    assert short_run.code == 0, said
    assert "0 rules broken (seed 133)" in said
    assert "40 orders asked for" in said
    # Four kills cannot come by every point.
    assert re.search(r"not exercised: .*nobody was struck at ", said)
    for struck in ("kill struck 4", "freeze struck 1", "web-kill struck 2"):
        assert struck in said, said
    assert asked_for(said) == ended(said)
    assert sum(asked_for(said).values()) == 40
    # That none of them was shown is one of the rules.
    for secret in ("admin_password", "an API key", "development_key", "wallet.json"):
        assert re.search(rf"{secret}\b.*: looked for in ", said), said
    assert "in 18 answers to bad requests" in said
    assert f"the folder {short_run.folder} is kept" in said


def asked_for(said: str) -> dict[str, int]:
    """Read how many orders each phase asked for."""
    lines = re.findall(r"^(none|all): (\d+) orders asked for, ", said, re.M)
    return {phase: int(count) for phase, count in lines}


def ended(said: str) -> dict[str, int]:
    """Read how many orders of each phase ended, however they did."""
    lines = re.findall(r"^(none|all) .* s  +(\d.*)$", said, re.M)
    return {
        phase: sum(map(int, re.findall(r"(\d+) [a-z]", ends))) for phase, ends in lines
    }


@pytest.mark.prove
@pytest.mark.timeout(0)
def test_two_hundred_kills_lose_double_or_hide_none_of_two_thousand_orders():
    seed = str(random.SystemRandom().randrange(10**6))
    with running_chaos("--seed", seed, *AT_LENGTH) as (run, folder):
        said, _ = run.communicate(timeout=3_600)

        print(said)  # noqa: T201  the figures of the proof
        assert run.returncode == 0
        assert not folder.exists()
    assert f"0 rules broken (seed {seed})" in said
    assert "2000 orders asked for" in said
    for least in ("kill struck 200", "freeze struck 50", "web-kill struck 20"):
        assert least in said


def test_a_run_that_is_stopped_proves_nothing():
    with running_chaos("--total", "5", "--minutes", "1", *NOTHING) as (run, folder):
        run.terminate()
        said, _ = run.communicate(timeout=60)

    assert run.returncode == 2
    assert "Stopped before the end: nothing is proved." in said
    assert not Layout(folder / "var").sockets.exists()


def test_options_that_make_no_sense_prove_nothing_either(capsys):
    command = load_command_class("ordersite", "chaos")
    for options in (["--minutes", "nan"], ["--minutes", "0.1", "--kills", "9999"]):
        with pytest.raises(SystemExit) as ended:
            command.run_from_argv(["manage.py", "chaos", *options])
        assert ended.value.code == 2
        assert options[-2] in capsys.readouterr().err


# What the command does at the end of a run.
JUDGES_AGAIN = """
from django.core.management import load_command_class
from ordersite.chaos.house import landed
from ordersite.chaos.verdict import judge
load_command_class("ordersite", "chaos").conclude(judge(landed()), seed=133)
"""


def test_one_base_unit_too_much_in_the_table_makes_the_run_fail(short_run: EndedRun):
    """Only its end is repeated, with what it left; a whole run would judge the same."""
    layout = Layout(short_run.folder / "var")
    with running_postgres(layout):
        order_id = raise_one_fill(layout)
        code, said = judged_again(layout)

    assert code == 1, said
    assert re.search(rf"fill_differs: {order_id}", said), said
    assert (
        "3 rules broken: fill_differs_from_event 1 times, fill_differs 1 times, "
        "amounts_differ 1 times (seed 133)\n"
    ) in said
    assert "The fault run with seed 133 broke rules." in said


@contextmanager
def running_postgres(layout: Layout) -> Iterator[None]:
    server = Postgres(layout)
    server.start()
    try:
        yield
    finally:
        server.stop()


def raise_one_fill(layout: Layout) -> str:
    """Add one base unit to what a confirmed order received; return its id."""
    statement = (
        "UPDATE orders_order SET amount_out = amount_out + 1 WHERE id = "
        "(SELECT id FROM orders_order WHERE status = 'confirmed' LIMIT 1) RETURNING id"
    )
    database = layout.database
    with psycopg.connect(
        host=database["HOST"],
        port=database["PORT"],
        user=database["USER"],
        dbname=database["NAME"],
    ) as connection:
        row = connection.execute(statement).fetchone()
    assert row is not None
    return str(row[0])


def judged_again(layout: Layout) -> tuple[int, str]:
    """Let the command judge a run that has ended; return its exit code and its words."""
    environment = dict(os.environ)
    isolate(environment, layout.var_dir)
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v0", "-c", JUDGES_AGAIN],
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout
