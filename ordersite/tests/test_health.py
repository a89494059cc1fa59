from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from pytest_django.fixtures import Settings

from dex import desk
from dex.halting import halt_trading
from dex.localnet.testing import RunningLocalnet
from dex.models import AuditRun, Chain
from dex.tests.background import in_background
from dex.tests.scripted_node import scripted_node
from execution.audit.findings import note
from ordersite import health
from ordersite.lately import Lately
from ordersite.preparation import prepare

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def prepared(localnet: RunningLocalnet) -> RunningLocalnet:
    prepare(lambda line: None)
    return localnet


@pytest.fixture(autouse=True)
def _nothing_found_yet() -> None:
    health.RESULTS.forget()


def ask(client: Client) -> tuple[int, dict[str, Any]]:
    health.RESULTS.forget()
    response = client.get("/readyz")
    answer = response.json()
    failed = {
        name: check["detail"]
        for name, check in answer["checks"].items()
        if not check["ok"]
    }
    expected = {503: {"not_ready"}, 200: {"degraded" if failed else "ready"}}
    assert answer["status"] in expected[response.status_code]
    return response.status_code, failed


def names(localnet: RunningLocalnet) -> list[str]:
    return [f"rpc {urlsplit(url).netloc}" for url in localnet.urls]


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

    assert ask(client) == (200, {"chain": health.HALTED})


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


def test_one_dead_endpoint_is_named_and_the_site_stays_up(
    client: Client, prepared: RunningLocalnet, settings: Settings
):
    settings.SOLANA_RPC_URLS = [prepared.urls[0], "http://127.0.0.1:1"]
    desk.close()

    status, failed = ask(client)

    assert status == 200
    assert list(failed) == ["rpc 127.0.0.1:1"]


def test_without_any_endpoint_the_site_is_not_ready(
    client: Client, prepared: RunningLocalnet, settings: Settings
):
    settings.SOLANA_RPC_URLS = ["http://127.0.0.1:1", "http://127.0.0.1:9"]
    desk.close()

    status, failed = ask(client)

    assert status == 503
    assert list(failed) == ["rpc 127.0.0.1:1", "rpc 127.0.0.1:9"]


def test_one_endpoint_of_another_chain_is_one_too_many(
    client: Client, prepared: RunningLocalnet, settings: Settings
):
    def open_stranger() -> Any:
        return scripted_node(getSlot=5, getGenesisHash="Stranger")

    with in_background(open_stranger) as stranger:
        settings.SOLANA_RPC_URLS = [prepared.urls[0], stranger.url]
        desk.close()
        for _ in range(2):
            status, failed = ask(client)

            assert status == 503
            assert list(failed) == [f"rpc {stranger.name}"]
            assert "serves Stranger" in failed[f"rpc {stranger.name}"]

        # Repaired, it is asked again by new processes only: the rest trades with nobody.
        stranger.answers["getGenesisHash"] = Chain.objects.get().genesis_hash
        assert ask(client)[0] == 503


def test_each_endpoint_shows_how_it_is_doing(client: Client, prepared: RunningLocalnet):
    checks = client.get("/readyz").json()["checks"]

    for name in names(prepared):
        figures = checks[name]
        assert (figures["circuit"], figures["behind"]) == ("closed", 0)
        assert 0.5 < figures["score"] <= 1
        assert figures["latencyMs"] > 0
        assert figures["detail"] == f"slot {figures['slot']}"


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


def test_a_check_that_hangs_does_not_hold_up_the_answer():
    hanging = threading.Event()

    def hang() -> dict[str, health.Result]:
        hanging.wait(30)
        return {}

    def ok() -> dict[str, health.Result]:
        return {"review": health.Result(True, "0")}

    started_at = time.monotonic()
    results = health.run_checks({"slow": hang, "redis": hang, "review": ok}, 0.2)
    hanging.set()

    assert time.monotonic() - started_at < 2
    late = "no answer within 0.2 s"
    assert results["slow"] == health.Result(False, late)
    assert results["redis"] == health.Result(False, late, needed=False)
    assert results["review"].ok


def test_who_asks_again_within_a_second_is_told_the_same(
    client: Client, monkeypatch: pytest.MonkeyPatch
):
    looks: list[int] = []
    answer = {"review": health.Result(True, "0")}

    def look() -> dict[str, health.Result]:
        looks.append(1)
        return answer

    monkeypatch.setattr(health, "CHECKS", {"review": look})

    assert {client.get("/readyz").status_code for _ in range(50)} == {200}
    assert len(looks) == 1


def test_while_one_thread_looks_the_others_are_told_what_was_found_before():
    begun, go_on = threading.Event(), threading.Event()
    found = iter([1, 2])

    def look() -> int:
        value = next(found)
        if value == 2:
            begun.set()
            go_on.wait(30)
        return value

    lately = Lately(look, fresh_s=0, look_s=60)
    assert lately.found() == 1
    with ThreadPoolExecutor(1) as other:
        second = other.submit(lately.found)
        assert begun.wait(30)
        assert lately.found() == 1
        go_on.set()
        assert second.result() == 2


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


def test_endpoints_of_another_chain_are_named(
    client: Client, prepared: RunningLocalnet
):
    Chain.objects.update(genesis_hash="11111111111111111111111111111111")

    status, failed = ask(client)

    assert status == 503
    assert all("11111111111111111111111111111111" in text for text in failed.values())
    assert any(name.startswith("rpc") for name in failed)
