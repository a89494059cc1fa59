"""The halt of trading in the admin: shown everywhere, lifted by who may, with a reason."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dex.halting import Violation, halt_trading, lift_halt, standing_halt
from dex.models import Chain, TradingHalt

from .guard_records import meet_test_chain

pytestmark = pytest.mark.django_db

LIST = "/admin/dex/tradinghalt/"
BANNER = "Trading is halted"


@pytest.fixture
def halt() -> TradingHalt:
    meet_test_chain()
    halt_trading("a <b>stranger</b> signs", [Violation("landed_twice", "order-1", "2")])
    found = standing_halt()
    assert found is not None
    return found


def staff(client: Client, *rights: str) -> Client:
    user = User.objects.create_user("ann", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    return client


def page(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def lift(client: Client, halt: TradingHalt, **form: object):
    return client.post(
        f"{LIST}{halt.id}/lift/", {"seen": 1, "reason": "it was me"} | form, follow=True
    )


@pytest.mark.parametrize(
    "path", ["/admin/", "/admin/orders/order/", "/admin/dex/chain/1/change/"]
)
def test_a_halt_is_shown_on_every_page_with_its_reason(admin_client, halt, path):
    shown = page(admin_client, path)
    assert BANNER in shown
    assert "a &lt;b&gt;stranger&lt;/b&gt; signs" in shown
    assert f"{LIST}{halt.id}/change/" in shown

    lift_halt(by="ann", reason="fine")
    assert BANNER not in page(admin_client, path)


def test_the_banner_reads_no_violations(admin_client, halt):
    with CaptureQueriesContext(connection) as queries:
        assert BANNER in page(admin_client, "/admin/")

    said = [query["sql"] for query in queries if "dex_tradinghalt" in query["sql"]]
    assert len(said) == 1
    assert "violations" not in said[0]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            0,
            "Recorded with your name. Whatever the audit finds from then on halts trading again.",
        ),
        (1, "The violation below counts as accepted from then on; any other halts"),
        (2, "The 2 violations below count as accepted from then on; any other halts"),
    ],
)
def test_who_lifts_a_halt_is_told_what_counts_as_accepted(admin_client, found, said):
    meet_test_chain()
    rows = [Violation("landed_twice", f"order-{n}", "2") for n in range(found)]
    halt_trading("one signs", rows)
    halt = standing_halt()
    assert halt is not None

    shown = page(admin_client, f"{LIST}{halt.id}/change/")

    assert said in " ".join(shown.split())
    assert f'name="seen" value="{found}"' in shown


def test_a_halt_that_was_set_by_hand_is_shown_and_lifted_like_any_other(
    admin_client, halt
):
    lift_halt(by="ann", reason="fine")
    Chain.objects.update(halted_at=Now(), halted_reason="set with psql")

    shown = page(admin_client, "/admin/")
    assert "set with psql" in shown
    by_hand = TradingHalt.objects.get(lifted_at=None)
    assert f"{LIST}{by_hand.id}/change/" in shown

    assert "Trading goes on." in lift(admin_client, by_hand, seen=0).content.decode()
    assert BANNER not in page(admin_client, "/admin/")


def test_a_record_alone_is_no_halt_and_is_not_offered_to_lift(admin_client, halt):
    Chain.objects.update(halted_at=None, halted_reason="")

    shown = page(admin_client, f"{LIST}{halt.id}/change/")
    assert BANNER not in shown
    assert "Let trading go on" not in shown


def test_nobody_who_is_not_logged_in_reads_of_a_halt(client, halt):
    assert BANNER not in page(client, "/admin/login/")


def test_an_operator_lifts_a_halt_with_a_reason_and_a_record(client, halt):
    staff(client, "change_tradinghalt")
    shown = page(client, f"{LIST}{halt.id}/change/")
    assert "landed_twice" in shown
    assert "Let trading go on" in shown

    answer = lift(client, halt)

    assert "Trading goes on." in answer.content.decode()
    halt.refresh_from_db()
    assert (halt.lifted_by, halt.lifted_reason) == ("ann", "it was me")
    assert LogEntry.objects.get().get_change_message() == "Lifted: it was me"
    shown = page(client, f"{LIST}{halt.id}/change/")
    assert "Let trading go on" not in shown
    assert f"{LIST}{halt.id}/history/" in shown


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"reason": " "}, "Say why"),
        ({"seen": 0}, "1 more violations were found meanwhile"),
        ({"seen": "x"}, "does not stand any more"),
    ],
)
def test_a_lift_that_is_not_complete_changes_nothing(admin_client, halt, form, said):
    assert said in lift(admin_client, halt, **form).content.decode()
    assert standing_halt() == halt


def test_the_orders_among_the_violations_are_links_and_moments_are_whole(
    admin_client, halt
):
    order = "cd497416-25bc-42a6-9225-e41aa7291582"
    halt_trading("more", [Violation("below_floor", order, "amount_out 1")])

    shown = page(admin_client, f"{LIST}{halt.id}/change/")

    assert f'<a href="/admin/orders/order/{order}/change/">' in shown
    assert "<td><code>order-1</code></td>" in shown
    assert f"{halt.began_at:%Y-%m-%d %H:%M:%S} UTC</div>" in shown


def test_the_halts_are_found_by_whether_they_stand(admin_client, halt):
    row = f"{LIST}{halt.id}/change/"
    lift_halt(by="ann", reason="fine")

    assert row in page(admin_client, f"{LIST}?state=lifted")
    assert row not in page(admin_client, f"{LIST}?state=standing")
    assert "Standing" in page(admin_client, LIST)


def test_an_old_page_does_not_lift_a_newer_halt(admin_client, halt):
    lift_halt(by="ann", reason="fine")
    halt_trading("another")

    answer = lift(admin_client, halt)

    assert "does not stand any more" in answer.content.decode()
    assert standing_halt() is not None


def test_who_may_only_look_is_not_offered_to_lift_and_cannot(client, halt):
    staff(client, "view_tradinghalt")
    assert "Let trading go on" not in page(client, f"{LIST}{halt.id}/change/")
    assert lift(client, halt).status_code == 403
    assert standing_halt() == halt


def test_a_halt_is_never_written_by_hand(admin_client, halt):
    for path in ("add/", f"{halt.id}/change/", f"{halt.id}/delete/"):
        assert admin_client.post(LIST + path, {}).status_code == 403
    assert admin_client.get(f"{LIST}{halt.id}/lift/").status_code == 405
    assert "a &lt;b&gt;stranger" in page(admin_client, LIST)
