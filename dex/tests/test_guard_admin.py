"""Operators change guards in the admin: with a reason, and on record."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User

from dex.guard_changes import record_change
from dex.halting import halt_trading, standing_halt
from dex.models import GuardChange, Pool, Rule, Token

from .guard_records import changes, meet_test_chain
from .test_admin import POOL, RAY, USDC, make_pool, make_token

pytestmark = pytest.mark.django_db

HALTS = "/admin/dex/tradinghalt/"


@pytest.fixture
def chain() -> None:
    meet_test_chain()


def errors_of(response) -> dict[str, list[str]]:
    assert response.status_code == 200
    return dict(response.context["adminform"].errors)


def test_a_token_is_bounded_and_switched_off_with_a_reason_that_is_recorded(
    admin_client,
):
    token = make_token("USDC", USDC)
    page = f"/admin/dex/token/{token.id}/change/"
    form = {"symbol": "USDC", "max_order": "100.5"}

    assert set(errors_of(admin_client.post(page, form))) == {"reason"}
    assert changes() == []

    answer = admin_client.post(page, form | {"reason": " too much at risk "})

    assert answer.status_code == 302
    token.refresh_from_db()
    assert token.max_order == 100_500_000
    assert not token.enabled
    assert changes() == [
        ("admin", "allowed_tokens", USDC, "allowed", "not allowed", "too much at risk"),
        ("admin", "max_order", USDC, "none", "100.5", "too much at risk"),
    ]
    assert 'value="100.5"' in admin_client.get(page).content.decode()


@pytest.mark.parametrize("amount", ["0", "-1", "0.0000001", "1e30", "NaN", "many"])
def test_a_largest_order_that_makes_no_sense_is_refused(admin_client, amount):
    token = make_token("USDC", USDC)

    answer = admin_client.post(
        f"/admin/dex/token/{token.id}/change/",
        {"symbol": "USDC", "enabled": "on", "max_order": amount, "reason": "x"},
    )

    assert "max_order" in errors_of(answer)
    assert changes() == []


def test_what_is_no_guard_is_changed_without_a_reason(admin_client):
    pool = make_pool()
    page = f"/admin/dex/pool/{pool.id}/change/"

    assert admin_client.post(page, {"enabled": "on", "note": "x"}).status_code == 302
    assert set(errors_of(admin_client.post(page, {"note": "x"}))) == {"reason"}
    assert admin_client.post(page, {"reason": "drained"}).status_code == 302

    assert not Pool.objects.get().enabled
    assert changes() == [
        ("admin", "allowed_pools", POOL, "allowed", "not allowed", "drained")
    ]


def test_what_is_deleted_from_the_allow_list_is_recorded_with_a_reason(admin_client):
    pool = make_pool()
    page = f"/admin/dex/pool/{pool.id}/delete/"
    tokens = {"action": "delete_selected", "_selected_action": [pool.token_a_id]}
    confirmed = {"post": "yes"}

    for reason in ({}, {"reason": " "}):
        refused = admin_client.post(page, confirmed | reason, follow=True)
        assert "Say why: the reason is recorded." in refused.content.decode()
    assert 'name="reason"' in admin_client.get(page).content.decode()
    admin_client.post(page, confirmed | {"reason": "drained"})

    asked = admin_client.post("/admin/dex/token/", tokens)
    assert 'name="reason"' in asked.content.decode()
    refused = admin_client.post("/admin/dex/token/", tokens | confirmed, follow=True)
    assert "Say why: the reason is recorded." in refused.content.decode()
    assert Token.objects.count() == 2
    admin_client.post("/admin/dex/token/", tokens | confirmed | {"reason": " a scam "})

    assert not Pool.objects.exists()
    assert Token.objects.count() == 1
    assert changes() == [
        ("admin", "allowed_pools", POOL, "allowed", "none", "drained"),
        ("admin", "allowed_tokens", RAY, "allowed", "none", "a scam"),
    ]


def test_an_operator_halts_trading_with_a_reason(admin_client, chain):
    assert "Halt trading" in admin_client.get(HALTS).content.decode()

    refused = admin_client.post(f"{HALTS}halt/", {"reason": " "}, follow=True)
    assert "Say why trading must stop" in refused.content.decode()
    assert standing_halt() is None

    answer = admin_client.post(f"{HALTS}halt/", {"reason": "a leak"}, follow=True)

    shown = answer.content.decode()
    assert "Trading is halted." in shown
    assert "Let trading go on" in shown
    assert changes() == [("admin", "trading", "", "active", "halted", "a leak")]
    assert LogEntry.objects.get().get_change_message() == "Halted: a leak"
    assert "Why must trading stop" not in admin_client.get(HALTS).content.decode()


def test_who_may_only_look_cannot_halt_trading(client, chain):
    user = User.objects.create_user("ann", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_tradinghalt"))
    client.force_login(user)

    assert "Why must trading stop" not in client.get(HALTS).content.decode()
    assert client.post(f"{HALTS}halt/", {"reason": "a leak"}).status_code == 403
    assert standing_halt() is None


def test_the_record_is_shown_and_never_written_by_hand(admin_client, chain):
    make_token("USDC", USDC)
    because = {"by": "ann", "reason": "calm"}
    record_change(Rule.MAX_ORDER, None, "100.5", subject=USDC, **because)
    record_change(Rule.MAX_OPEN_ORDERS, 5, 3, subject="trader", **because)
    record_change(Rule.MAX_SLIPPAGE, None, 500, **because)
    halt_trading("the <b>fill</b> differs")
    change = GuardChange.objects.first()
    assert change is not None

    shown = admin_client.get("/admin/dex/guardchange/").content.decode()

    assert "the &lt;b&gt;fill&lt;/b&gt; differs" in shown
    assert f'USDC <code title="{USDC}">EPjFWd…Dt1v</code>' in shown
    for said in ("none → 100.5<", ">trader<", "5 → 3<", "none → 500 bps<"):
        assert said in shown
    for path in ("add/", f"{change.id}/change/", f"{change.id}/delete/"):
        answer = admin_client.post(f"/admin/dex/guardchange/{path}", {"post": "yes"})
        assert answer.status_code == 403


def test_a_filter_that_a_list_does_not_have_is_refused_without_a_traceback(
    admin_client, caplog
):
    answer = admin_client.get("/admin/dex/pool/", {"token_a__mint": USDC})

    assert answer.status_code == 400
    assert [record.exc_info for record in caplog.records] == [None]
