"""What an order waits for: in its row, in the API and the admin, and in its next event."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now

from dex.halting import lift_halt
from dex.models import Chain
from orders.claims import Claim, mark_for_review
from orders.errors import StaleTransition
from orders.event_frames import timestamp
from orders.models import Order, Status, WaitingCode
from orders.recent import forget_all
from orders.services import cancel_order
from orders.waiting import clear_waiting, note_waiting

from .admin_pages import LIST, page_of, text_of
from .clients import get
from .denials import halt
from .helpers import claim, make_order, make_order_at, move

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tradable")]

AWAY = WaitingCode.CHAIN_UNREACHABLE
HALTED = WaitingCode.TRADING_HALTED


def waiting_of(order):
    row = Order.objects.get(id=order.id)
    return row.waiting_code, row.waiting_message, row.waiting_since


def waited(order, seconds):
    """Move the beginning of a wait, as time would."""
    past = F("waiting_since") - timedelta(seconds=seconds)
    Order.objects.filter(id=order.id).update(waiting_since=past)


def test_an_order_that_waits_says_why_and_since_when(client):
    order = make_order()
    note_waiting(claim(order), AWAY, "No RPC endpoint answered: a, b")

    shown = get(client, f"/api/orders/{order.id}").json()
    (listed,) = get(client, "/api/orders").json()["orders"]

    waiting = shown["waitingFor"]
    assert (waiting["code"], waiting["message"]) == (
        "chain_unreachable",
        "No RPC endpoint answered: a, b",
    )
    assert waiting["since"] >= shown["createdAt"]
    assert listed["waitingFor"] == waiting


def test_an_order_that_does_not_wait_waits_for_null(client):
    order, _ = make_order_at(Status.SUBMITTED)

    assert get(client, f"/api/orders/{order.id}").json()["waitingFor"] is None


def test_the_same_reason_from_another_holder_goes_on_from_its_beginning():
    order = make_order()
    note_waiting(claim(order), AWAY, "a")
    waited(order, 60)
    _, _, since = waiting_of(order)
    Order.objects.update(lease_until=Now() - timedelta(seconds=1))

    note_waiting(claim(order), AWAY, "b")

    assert waiting_of(order) == ("chain_unreachable", "b", since)


def test_another_reason_begins_anew():
    order = make_order()
    held = claim(order)
    note_waiting(held, AWAY, "a")
    waited(order, 60)
    _, _, since = waiting_of(order)

    note_waiting(held, HALTED, "Trading is halted.")

    code, _, later = waiting_of(order)
    assert code == "trading_halted"
    assert later - since > timedelta(seconds=59)


@pytest.mark.parametrize("write", [lambda c: note_waiting(c, AWAY, "a"), clear_waiting])
def test_a_holder_whose_claim_was_taken_writes_no_reason(write):
    order = make_order()
    held = claim(order)

    with pytest.raises(StaleTransition):
        write(Claim(order.id, held.fence - 1))

    assert waiting_of(order) == ("", "", None)


def test_a_closed_order_waits_for_nothing():
    _, held = make_order_at(Status.CONFIRMED)

    with pytest.raises(StaleTransition):
        note_waiting(held, AWAY, "a")


def test_the_next_event_says_what_was_waited_for_and_how_long():
    order = make_order()
    held = claim(order)
    note_waiting(held, AWAY, "a")
    waited(order, 60)

    first = move(held, Status.PENDING, Status.ROUTING, data={"venues": []})
    second = move(held, Status.ROUTING, Status.BUILDING)

    said = first.data["waitedFor"]
    assert 60_000 <= said.pop("waitedMs") < 70_000
    assert said == {"code": "chain_unreachable", "message": "a"}
    assert first.data["venues"] == []
    assert second.data == {}
    assert waiting_of(order) == ("", "", None)


def test_a_cancel_tells_what_the_order_waited_for():
    order = make_order()
    note_waiting(claim(order), HALTED, "Trading is halted.")

    cancel_order(order)

    assert order.events.latest("sequence").data["waitedFor"]["code"] == "trading_halted"
    assert waiting_of(order) == ("", "", None)


def test_an_order_set_aside_waits_for_its_review():
    order = make_order(idle_claims=20)

    mark_for_review()

    code, message, since = waiting_of(order)
    assert code == "needs_review"
    assert "An operator must" in message
    assert since is not None


def test_the_admin_shows_in_list_and_page_what_an_order_waits_for(admin_client):
    order = make_order()
    note_waiting(claim(order), AWAY, "No RPC endpoint answered: a, b")
    waited(order, 200)

    listed = text_of(admin_client.get(LIST, {"waiting_code__exact": AWAY}))
    page = text_of(admin_client.get(page_of(order)))

    assert "pending chain unreachable, 3 min 2" in listed
    assert "Waits: chain_unreachable No RPC endpoint answered: a, b" in page


def test_a_pending_order_that_no_worker_took_waits_for_the_halt_that_stands(client):
    order, taken = make_order(), make_order_at(Status.ROUTING)[0]
    assert get(client, f"/api/orders/{order.id}").json()["waitingFor"] is None
    halt()
    halted_at = Chain.objects.values_list("halted_at", flat=True).get()
    assert halted_at is not None
    later = make_order()

    shown = [get(client, f"/api/orders/{one.id}").json() for one in (order, later)]
    listed = get(client, "/api/orders").json()["orders"]

    said = {
        "code": "trading_halted",
        "message": "Trading is halted until an operator lifts it.",
    }
    assert shown[0]["waitingFor"] == said | {"since": timestamp(halted_at)}
    assert shown[1]["waitingFor"] == said | {"since": shown[1]["createdAt"]}
    assert {one["orderId"]: one["waitingFor"] for one in listed} == {
        str(order.id): shown[0]["waitingFor"],
        str(later.id): shown[1]["waitingFor"],
        str(taken.id): None,
    }
    assert waiting_of(order) == ("", "", None)

    lift_halt(by="ann", reason="it was mended")
    forget_all()
    assert get(client, f"/api/orders/{order.id}").json()["waitingFor"] is None


def test_a_halt_hides_nothing_that_an_order_says_itself_and_holds_no_closed_one(client):
    order = make_order()
    note_waiting(claim(order), AWAY, "a")
    closed = cancel_order(make_order())
    halt()

    shown = [get(client, f"/api/orders/{one.id}").json() for one in (order, closed)]

    assert shown[0]["waitingFor"]["code"] == "chain_unreachable"
    assert shown[1]["waitingFor"] is None


def test_the_halt_is_read_once_for_all_orders_of_a_list(
    client, django_assert_max_num_queries
):
    for _ in range(10):
        make_order()
    halt()

    with django_assert_max_num_queries(4) as read:
        listed = get(client, "/api/orders").json()["orders"]

    assert {one["waitingFor"]["code"] for one in listed} == {"trading_halted"}
    assert sum("dex_chain" in query["sql"] for query in read.captured_queries) == 1


def test_the_admin_shows_that_a_pending_order_waits_for_the_halt(admin_client):
    order = make_order()
    halt()

    listed = text_of(admin_client.get(LIST))
    page = text_of(admin_client.get(page_of(order)))

    assert "pending trading halted, " in listed
    assert "Waits: trading_halted Trading is halted until an operator lifts it." in page
    assert "Waiting since" in page


def test_a_message_without_end_is_cut():
    order = make_order()

    note_waiting(claim(order), AWAY, "x" * 100_000)

    assert len(waiting_of(order)[1]) == 1_000
