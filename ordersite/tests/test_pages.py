"""Who is given the development key with the test page: a browser of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from ordersite.development import key_file

KEY = "dex_abcd2345_" + "A" * 43
PAGE = "/test-concurrent-orders"


@pytest.fixture(autouse=True)
def installation(settings: Settings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    settings.ALLOWED_HOSTS = ["*"]
    key_file().write_text(KEY)


def shown(*, peer: str = "127.0.0.1", host: str = "localhost:8000", **headers: str):
    return Client().get(PAGE, REMOTE_ADDR=peer, headers={"Host": host, **headers})


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:9000", "[::1]:8000"])
@pytest.mark.parametrize("peer", ["127.0.0.1", "::1"])
def test_a_browser_of_this_machine_is_given_the_key(peer: str, host: str):
    answer = shown(peer=peer, host=host)

    assert f'<script id="api-key" type="application/json">"{KEY}"</script>' in (
        answer.content.decode()
    )
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize(
    "differs",
    [
        {"peer": "10.0.0.7"},
        {"peer": ""},
        {"host": "orders.example"},
        {"host": "10.0.0.7"},
        {"X-Forwarded-For": "10.0.0.7"},
        {"X-Real-Ip": "10.0.0.7"},
        {"X-Forwarded-Host": "orders.example"},
        {"Forwarded": "for=10.0.0.7"},
        {"Via": "1.1 proxy"},
    ],
)
def test_whoever_may_come_from_elsewhere_is_not(differs: dict[str, str]):
    answer = shown(**differs)

    assert answer.status_code == 200
    assert "dex_" not in answer.content.decode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("USES_EMBEDDED_POSTGRES", False),  # a database of yours
        ("DEVELOPMENT_KEY", False),
        ("HTTPS_ONLY", True),  # a proxy that ends TLS
    ],
)
def test_a_site_that_is_not_just_started_gives_nobody_a_key(
    settings: Settings, name: str, value: bool
):
    setattr(settings, name, value)

    answer = shown()

    assert answer.status_code == 200
    assert "dex_" not in answer.content.decode()


def test_a_host_that_is_not_allowed_is_given_nothing(settings: Settings):
    settings.ALLOWED_HOSTS = ["orders.example"]

    answer = shown()

    assert answer.status_code == 400
    assert "dex_" not in answer.content.decode()


def test_without_a_key_the_page_is_there_all_the_same():
    key_file().unlink()

    assert shown().status_code == 200
