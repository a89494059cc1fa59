"""What /readyz says of the endpoints of the chain."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from dex import desk
from dex.localnet.testing import RunningLocalnet
from dex.models import Chain
from dex.tests.background import in_background
from dex.tests.scripted_node import scripted_node

from .readiness import ask, names

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nothing_found_yet"),
]


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


def test_endpoints_of_another_chain_are_named(
    client: Client, prepared: RunningLocalnet
):
    Chain.objects.update(genesis_hash="11111111111111111111111111111111")

    status, failed = ask(client)

    assert status == 503
    assert all("11111111111111111111111111111111" in text for text in failed.values())
    assert any(name.startswith("rpc") for name in failed)
