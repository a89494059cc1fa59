"""How tests ask whether the site is ready."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.test import Client

from dex.localnet.testing import RunningLocalnet
from ordersite import health


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
