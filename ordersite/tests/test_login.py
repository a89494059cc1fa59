from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db.models import F
from django.test import Client
from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"


@pytest.fixture(autouse=True)
def users(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    for name in ("one", "two"):
        User.objects.create_superuser(name, password="right")


def log_in(name: str, password: str, address: str = "192.0.2.1") -> Any:
    return Client().post(
        LOGIN, {"username": name, "password": password}, REMOTE_ADDR=address
    )


def lock(name: str) -> None:
    answers = [log_in(name, "wrong").status_code for _ in range(5)]
    assert answers == [200, 200, 200, 200, 429]


def test_the_fifth_wrong_password_locks_a_user_out_from_that_address_alone():
    lock("one")

    assert log_in("one", "right").status_code == 429
    assert log_in("one", "right", "192.0.2.2").status_code == 302
    assert log_in("two", "right").status_code == 302


@pytest.mark.parametrize("network", ["198.51.100.", "2001:db8:0:"])
def test_behind_a_trusted_proxy_each_client_has_an_address_of_its_own(
    settings: Settings, network: str
):
    settings.TRUSTED_PROXIES = 1

    def log_in_from(host: str, password: str) -> int:
        client = Client(headers={"X-Forwarded-For": f"192.0.2.99, {host}"})
        form = {"username": "one", "password": password}
        return client.post(LOGIN, form, REMOTE_ADDR="10.0.0.1").status_code

    one, another = (
        f"{network}{number}" + ("::5" if ":" in network else "") for number in (1, 2)
    )
    assert [log_in_from(one, "wrong") for _ in range(5)] == [200] * 4 + [429]
    assert log_in_from(one, "right") == 429
    assert log_in_from(another, "right") == 302


def test_a_client_cannot_invent_an_address_to_guess_on(settings: Settings):
    for number in range(5):
        client = Client(headers={"X-Forwarded-For": f"198.51.100.{number}"})
        form = {"username": "one", "password": "wrong"}
        client.post(LOGIN, form, REMOTE_ADDR="192.0.2.1")

    assert log_in("one", "right").status_code == 429


def test_who_is_locked_out_reads_what_to_do():
    lock("one")

    answer = log_in("one", "right")

    assert answer.headers["Retry-After"] == "900"
    page = answer.content.decode()
    assert "for 15 minutes" in page
    assert "manage.py axes_reset_username USER" in page


def test_a_lock_ends_after_its_time_and_guesses_meanwhile_do_not_prolong_it():
    lock("one")
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(minutes=14))
    assert log_in("one", "wrong").status_code == 429
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(minutes=2))

    assert log_in("one", "right").status_code == 302


def test_an_operator_lifts_a_lock_with_the_command_that_the_page_names():
    lock("one")

    call_command("axes_reset_username", "one")

    assert log_in("one", "right").status_code == 302


def test_a_login_forgets_the_wrong_passwords_before_it():
    for _ in range(3):
        assert [log_in("one", "wrong").status_code for _ in range(4)] == [200] * 4
        assert log_in("one", "right").status_code == 302


def test_a_lock_closes_neither_the_api_nor_a_session_that_is_open(client: Client):
    client.force_login(User.objects.get(username="one"))
    lock("one")

    assert client.get("/admin/", REMOTE_ADDR="192.0.2.1").status_code == 200
    assert client.get("/api/tokens", REMOTE_ADDR="192.0.2.1").status_code == 200


def test_no_password_is_kept_of_an_attempt(caplog: pytest.LogCaptureFixture):
    log_in("one", "a-mistyped-secret")

    kept = AccessAttempt.objects.values().get()
    assert "a-mistyped-secret" not in str(kept) + caplog.text
