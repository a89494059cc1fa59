"""Whoever asks by a name that is not the site's is told what to do, and counts as anybody."""

from __future__ import annotations

import logging

import pytest
from django.test import Client

from .accounts import refusal
from .clients import Socket
from .limits import set_limits

FOREIGN = {"host": "evil.example"}
PAGES = ["/", "/admin/", "/test-concurrent-orders", "/static/orders/run.js", "/readyz"]
ADVICE = (
    "This site is not served under the name in the Host header. Use one of its own names, "
    "or have its operator add this one to ALLOWED_HOSTS and start it again."
)


@pytest.fixture(params=[False, True], ids=["DEBUG=0", "DEBUG=1"])
def site(request, settings) -> Client:
    settings.DEBUG = request.param
    return Client(raise_request_exception=False)


@pytest.mark.parametrize("path", ["/api/orders", "/api/nowhere", "/api/docs/"])
def test_below_api_a_foreign_host_is_a_problem(site, path):
    answer = site.get(path, headers=FOREIGN)

    assert refusal(answer) == (400, "foreign_host")
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"] == ADVICE
    assert answer.json()["requestId"] == answer["X-Request-ID"]


@pytest.mark.parametrize("path", PAGES)
def test_elsewhere_a_foreign_host_is_answered_with_what_to_do(site, path):
    answer = site.get(path, headers=FOREIGN)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.content.decode() == f"{ADVICE}\n"


@pytest.mark.parametrize("host", ["", "a b", "localhost:x", "[", "ä", "localhost/x"])
def test_what_is_no_name_at_all_is_a_foreign_host_too(client, host):
    assert refusal(client.get("/api/orders", headers={"host": host or " "})) == (
        400,
        "foreign_host",
    )


def test_with_tls_alone_a_foreign_host_is_not_sent_on_to_itself(client, settings):
    settings.SECURE_SSL_REDIRECT = True

    assert client.get("/admin/", headers=FOREIGN).status_code == 400


def test_a_foreign_host_is_one_warning_in_the_log(client, caplog):
    client.get("/api/tokens", headers=FOREIGN)

    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "add 'evil.example' to ALLOWED_HOSTS" in record.getMessage()
    assert record.exc_info is None


def test_requests_to_a_foreign_host_count_before_they_are_refused(client, settings):
    set_limits(settings, RATE_LIMIT_REQUESTS=2)

    answers = [client.get("/api/tokens", headers=FOREIGN) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [400, 400, 429]
    assert answers[0]["RateLimit-Remaining"] == "1"


async def test_a_handshake_to_a_foreign_host_is_one_warning_in_the_log(caplog):
    socket = Socket("", [(b"host", b"evil.example")])

    assert not await socket.connect()
    await socket.leave()

    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == "a socket was refused: foreign_host"
