"""What /readyz and /healthz say, and to whom a site that misses something is ready."""

from __future__ import annotations

import socket
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from pytest_django.fixtures import Settings

from dex.halting import halt_trading
from dex.localnet.testing import RunningLocalnet
from dex.models import AuditRun, Chain
from execution.audit.findings import note
from ordersite import health

from .readiness import ask, names

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nothing_found_yet"),
]


def test_a_prepared_site_is_ready_and_names_each_thing(
    client: Client, prepared: RunningLocalnet
):
    response = client.get("/readyz")

    assert response.status_code == 200
    assert list(response.json()["checks"]) == [
        "database",
        "redis",
        *names(prepared),
        "chain",
        "trading",
        "orders in review",
        "audit",
    ]


def test_a_database_that_never_met_a_chain_is_not_ready(
    client: Client, localnet: RunningLocalnet
):
    assert ask(client) == (503, {"chain": "not met yet: run `manage.py prepare`"})


def test_a_halt_is_named_without_its_reason_and_takes_no_reader_away(
    client: Client, prepared: RunningLocalnet
):
    halt_trading("the order of a certain user was tampered with")

    assert ask(client) == (200, {"trading": health.HALTED})


def test_a_halt_is_no_fault_of_the_chain(client: Client, prepared: RunningLocalnet):
    halt_trading("the order of a certain user was tampered with")

    checks = client.get("/readyz").json()["checks"]

    assert checks["chain"] == {"ok": True, "detail": "localnet"}
    assert checks["trading"] == {
        "ok": False,
        "detail": "halted: Trading halts in the admin and `manage.py trading status` say why",
    }


def test_the_last_audit_is_named_and_takes_nothing_down(
    client: Client, prepared: RunningLocalnet
):
    checks = client.get("/readyz").json()["checks"]
    assert checks["audit"] == {"ok": True, "detail": "tables: not yet; wallet: not yet"}

    note("tables", 0)
    note("wallet", 0)
    assert ask(client) == (200, {})

    note("tables", 2)
    AuditRun.objects.filter(part="wallet").update(ran_at=Now() - timedelta(minutes=5))
    assert ask(client) == (
        200,
        {
            "audit": "tables: 2 violations 0 s ago; "
            "wallet: 0 violations 300 s ago (is a keeper running?)"
        },
    )


@pytest.mark.parametrize(("part", "age_s"), [("tables", 60), ("wallet", 180)])
def test_a_dead_keeper_is_seen_when_several_of_its_rounds_are_missing(
    client: Client, prepared: RunningLocalnet, part: str, age_s: int
):
    note("tables", 0)
    note("wallet", 0)
    run = AuditRun.objects.filter(part=part)

    run.update(ran_at=Now() - timedelta(seconds=age_s - 10))
    assert ask(client) == (200, {})

    run.update(ran_at=Now() - timedelta(seconds=age_s))
    assert "is a keeper running?" in ask(client)[1]["audit"]


def test_redis_down_is_named_and_takes_the_site_from_no_load_balancer(
    client: Client, prepared: RunningLocalnet, settings: Settings
):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    status, failed = ask(client)

    assert status == 200
    assert list(failed) == ["redis"]


def test_a_redis_that_accepts_and_never_answers_takes_nothing_down_either(
    client: Client, prepared: RunningLocalnet, settings: Settings
):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"

        status, failed = ask(client)

    assert status == 200
    assert list(failed) == ["redis"]


def test_commits_that_are_not_flushed_are_named(
    client: Client, prepared: RunningLocalnet
):
    database = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{database}" SET synchronous_commit = off')
    try:
        assert ask(client) == (
            503,
            {
                "database": "synchronous_commit must be on: "
                "committed orders could be lost"
            },
        )
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f'ALTER DATABASE "{database}" RESET synchronous_commit')


def test_a_database_that_is_down_is_named_and_the_rest_still_answers(
    client: Client, prepared: RunningLocalnet, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nonexistent")

    status, failed = ask(client)

    assert status == 503
    assert set(failed) == {"database", "chain", "orders in review", "audit"}


def test_healthz_needs_nothing(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nonexistent")

    response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_other_methods_are_refused_for_what_they_are(path: str):
    response = Client(enforce_csrf_checks=True).post(path)

    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD"


def test_a_real_chain_is_said_to_be_one(client: Client, prepared: RunningLocalnet):
    Chain.objects.update(is_localnet=False)

    assert client.get("/readyz").json()["checks"]["chain"] == {
        "ok": True,
        "detail": "a real chain",
    }
