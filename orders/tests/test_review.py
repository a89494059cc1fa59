"""What an operator does to an order in review, in the admin, with a reason on record."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.db.models import F
from django.db.models.functions import Now

from orders.claims import claim_for_watching, claim_order, mark_for_review, renew
from orders.models import Order, Status

from .admin_pages import LIST, act, page_of, text_of
from .helpers import WORKER, make_order, make_order_at, statuses_of

pytestmark = pytest.mark.django_db

WHY = "The worker ran out of memory; it has more now."


def in_review(status: Status = Status.BUILDING) -> Order:
    order, _ = make_order_at(status)
    Order.objects.filter(id=order.id).update(
        idle_claims=20, lease_until=None, lease_owner=""
    )
    mark_for_review()
    return Order.objects.get(id=order.id)


def test_a_cleared_order_may_be_claimed_at_once_and_counts_from_zero(admin_client):
    order = in_review()

    said = act(admin_client, "clear_reviews", order, reason=WHY)

    stored = Order.objects.get(id=order.id)
    assert "Cleared the review of" in said
    assert (stored.needs_review_at, stored.idle_claims) == (None, 0)
    assert (stored.waiting_code, stored.status) == ("", "building")
    assert Order.objects.filter(id=order.id, due_at__lte=Now()).exists()
    assert claim_order(order.id, owner=WORKER) is not None


def test_whoever_watched_a_cleared_order_holds_it_no_more(admin_client):
    order = in_review(Status.SUBMITTED)
    [watching] = claim_for_watching(limit=1, owner="watcher")

    act(admin_client, "clear_reviews", order, reason=WHY)

    assert renew([watching.claim], owner="watcher") == set()
    carrying = claim_order(order.id, owner=WORKER)
    assert carrying is not None
    assert not carrying.watch_only


def test_a_failed_order_says_who_ended_it_and_why(admin_client):
    order = in_review()
    before = order.fence

    act(admin_client, "fail_orders", order, reason=WHY)

    stored = Order.objects.get(id=order.id)
    assert (stored.status, stored.failure_code) == ("failed", "failed_by_operator")
    assert stored.failure_message == f"An operator ended it: {WHY}"
    assert (stored.funds_moved, stored.fence) == ("none", before + 1)
    assert statuses_of(order)[-1] == "failed"
    assert order.events.latest("sequence").data["waitedFor"]["code"] == "needs_review"


def test_both_acts_are_recorded_with_their_reason_and_operator(admin_client):
    cleared, failed = in_review(), in_review()

    act(admin_client, "clear_reviews", cleared, reason=WHY)
    act(admin_client, "fail_orders", failed, reason="It is not needed any more.")

    entries = LogEntry.objects.order_by("action_time")
    assert [
        (e.object_id, e.user.username, e.get_change_message()) for e in entries
    ] == [
        (str(cleared.id), "admin", f"Cleared the review of {cleared.id}: {WHY}"),
        (str(failed.id), "admin", f"Failed {failed.id}: It is not needed any more."),
    ]


def test_an_order_that_may_still_land_is_not_failed(admin_client):
    order = in_review(Status.SUBMITTED)

    said = act(admin_client, "fail_orders", order, reason=WHY)

    assert f"{order.id}: A signed transaction of this order may still land" in said
    assert Order.objects.get(id=order.id).status == "submitted"
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("action", ["clear_reviews", "fail_orders"])
@pytest.mark.parametrize("status", [Status.BUILDING, Status.CONFIRMED])
def test_an_order_that_is_not_in_review_is_left_alone(admin_client, action, status):
    order, _ = make_order_at(status)

    said = act(admin_client, action, order, reason=WHY)

    assert f"{order.id}: The order is not in review" in said
    assert Order.objects.get(id=order.id).status == status


@pytest.mark.parametrize("action", ["clear_reviews", "fail_orders"])
@pytest.mark.parametrize("reason", [None, "  ", "x" * 501])
def test_no_act_is_done_without_a_reason_of_some_length(admin_client, action, reason):
    order = in_review()
    given = {} if reason is None else {"reason": reason}

    page = admin_client.post(
        LIST, {"action": action, "index": "0", "_selected_action": order.id, **given}
    )

    text = text_of(page)
    assert str(order.id) in text
    assert ("Give a reason" in text) == (reason is not None)
    assert Order.objects.get(id=order.id).needs_review_at is not None
    assert Order.objects.get(id=order.id).status == "building"


def test_the_page_of_an_order_in_review_leads_to_the_acts_and_back(admin_client):
    order = in_review()
    page = admin_client.get(page_of(order)).content.decode()
    assert 'value="clear_reviews"' in page
    assert 'value="fail_orders"' in page

    answer = admin_client.post(
        LIST,
        {
            "action": "fail_orders",
            "index": "0",
            "_selected_action": str(order.id),
            "_from_page": "1",
            "reason": WHY,
        },
    )

    assert answer.headers["Location"] == page_of(order)
    assert "Needs review since" in page
    assert "Needs review since" not in admin_client.get(page_of(order)).content.decode()


@pytest.mark.parametrize(
    ("action", "count", "act_of_page", "consequence"),
    [
        ("fail_orders", 1, "Fail this order", "It ends without a swap."),
        ("fail_orders", 2, "Fail 2 orders", "They end without a swap."),
        ("clear_reviews", 1, "Clear the review of this order", "It is carried out"),
        ("clear_reviews", 2, "Clear the review of 2 orders", "They are carried out"),
    ],
)
def test_the_page_asks_for_the_reason_of_what_its_button_does(
    admin_client, action, count, act_of_page, consequence
):
    orders = [in_review().id for _ in range(count)]

    page = admin_client.post(
        LIST, {"action": action, "index": "0", "_selected_action": orders}
    )

    assert f'value="{act_of_page}"' in page.content.decode()
    text = text_of(page)
    assert f"Home › Orders › Orders › {act_of_page}" in text
    assert f"{act_of_page}?" in text
    assert consequence in text


def test_the_filter_of_the_list_outlives_an_act(admin_client):
    order = in_review()
    filtered = f"{LIST}?review=needed"
    form = {"action": "fail_orders", "index": "0", "_selected_action": str(order.id)}

    page = admin_client.post(filtered, form)
    assert f'action="{filtered}"' in page.content.decode()

    answer = admin_client.post(filtered, form | {"reason": WHY})
    assert answer.headers["Location"] == filtered


def test_a_page_offers_no_act_that_would_be_refused(admin_client):
    live, fine = in_review(Status.SUBMITTED), make_order()

    live_page = admin_client.get(page_of(live)).content.decode()
    fine_page = admin_client.get(page_of(fine)).content.decode()

    assert 'value="clear_reviews"' in live_page
    assert 'value="fail_orders"' not in live_page
    assert 'value="clear_reviews"' not in fine_page


def test_a_zombie_of_a_failed_order_writes_nothing(admin_client):
    order = in_review()
    Order.objects.filter(id=order.id).update(fence=F("fence") + 1)

    act(admin_client, "fail_orders", order, reason=WHY)

    assert statuses_of(order).count("failed") == 1
