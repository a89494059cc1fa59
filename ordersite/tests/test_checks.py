from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks
from pytest_django.fixtures import Settings


def found(*, deploy: bool = False) -> set[str | None]:
    messages = run_checks(include_deployment_checks=deploy)
    return {m.id for m in messages if m.id and m.id.startswith("ordersite.")}


def test_the_defaults_are_clean():
    assert found() == set()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("MAX_SLIPPAGE_BPS", 10_001, "ordersite.E002"),
        ("SOLANA_RPC_URLS", ["https://one.example"], "ordersite.W003"),
        (
            "SOLANA_RPC_URLS",
            ["https://one.example/a", "https://one.example:443/b?key=c"],
            "ordersite.W003",
        ),
        ("LOCALNET_OPTIONS", ["--control", "--port=1"], "ordersite.E006"),
        ("LOCALNET_OPTIONS", ["--nodes", "3"], "ordersite.E006"),
        ("VENUES", {"raydium": "dex.venues.nowhere.Pool"}, "ordersite.E004"),
    ],
)
def test_a_setting_that_is_wrong_is_found(
    settings: Settings, name: str, value: Any, expected: str
):
    setattr(settings, name, value)

    assert found() == {expected}


def test_trading_without_a_key_is_refused_where_others_can_reach_the_site(
    settings: Settings,
):
    settings.ALLOW_ANONYMOUS = True
    assert "ordersite.E007" in found(deploy=True)
    assert found() == set()

    settings.ALLOW_ANONYMOUS = False
    assert "ordersite.E007" not in found(deploy=True)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("MIDDLEWARE", [], "ordersite.E010"),
        ("ALLOWED_HOSTS", ["orders.example", "*"], "ordersite.W008"),
        ("PUBLIC_WS_URL", "ws://orders.example", "ordersite.W009"),
        ("CSRF_TRUSTED_ORIGINS", ["http://orders.example"], "ordersite.W009"),
    ],
)
def test_a_setting_that_is_wrong_where_others_reach_it_is_found_by_check_deploy(
    settings: Settings, name: str, value: Any, expected: str
):
    before = found(deploy=True)

    setattr(settings, name, value)

    assert found() == set()
    assert found(deploy=True) - before == {expected}


def test_a_port_of_localnet_is_found(settings: Settings):
    settings.PORT = settings.LOCALNET_PORT + 3

    assert found() == {"ordersite.E001"}


def test_one_endpoint_may_be_accepted(settings: Settings):
    settings.SOLANA_RPC_URLS = ["https://one.example"]
    settings.ALLOW_SINGLE_RPC = True

    assert found() == set()
