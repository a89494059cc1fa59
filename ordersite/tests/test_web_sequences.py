"""Requests to a real web process that belong together: a login, a socket, kept connections."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection

from dex.models import Token
from orders.tests.clients import order_text
from orders.tests.wire import answer, post, upgrade
from ordersite.handler import REQUESTS_AT_ONCE

from .web import WebProcess, ask, wires_to

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("tokens"),
]


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_an_operator_logs_in_and_renames_a_token(web):
    # As the web process hashes it; this one has a quicker way.
    stored = PBKDF2PasswordHasher().encode("secret", "salt", iterations=1)
    get_user_model().objects.create(
        username="operator", password=stored, is_staff=True, is_superuser=True
    )
    token = Token.objects.get(symbol="A")
    _, page, _ = ask(web, "GET", "/admin/login/")
    csrf = page["Set-Cookie"].split("csrftoken=")[1].split(";")[0]
    login = f"username=operator&password=secret&csrfmiddlewaretoken={csrf}"
    status, page, _ = ask(
        web, "POST", "/admin/login/", login, Cookie=f"csrftoken={csrf}", **FORM
    )
    assert status == 302
    cookies = dict(
        cookie.split(";")[0].split("=", 1) for cookie in page.get_all("Set-Cookie", [])
    )
    csrf = cookies["csrftoken"]
    change = f"symbol=A&name=Renamed&enabled=on&csrfmiddlewaretoken={csrf}"
    status, _, body = ask(
        web,
        "POST",
        f"/admin/dex/token/{token.id}/change/",
        change,
        Cookie="; ".join(f"{name}={value}" for name, value in cookies.items()),
        **FORM,
    )

    assert status == 302, body
    token.refresh_from_db()
    assert token.name == "Renamed"


def test_a_post_and_then_its_socket_on_one_connection(wire):
    wire.send(post(order_text()))
    status, placed = answer(wire)
    wire.send(upgrade(f"?orderId={placed['orderId']}"))

    assert status == 201
    assert wire.head().startswith(b"HTTP/1.1 101 ")
    assert wire.event()["sequence"] == 1


def connections_of_web() -> int:
    """End every connection to the database but this one; return how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


def at_once(web: WebProcess, count: int) -> set[int]:
    with wires_to(web, count) as wires:
        for wire in wires:
            wire.send(post(order_text()))
        return {answer(wire)[0] for wire in wires}


def test_connections_are_kept_and_a_restarted_database_is_met_with_new_ones_at_once(
    web,
):
    assert at_once(web, 40) == {201}
    # As a restart does to them; the last is the hub's.
    assert 1 <= connections_of_web() <= REQUESTS_AT_ONCE + 1

    assert at_once(web, 40) == {201}
