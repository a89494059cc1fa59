"""An owner's own name of an order: one order has it, and is found by it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from orders.errors import ClientOrderIdConflict, IdempotencyConflict
from orders.insertion import insert_orders
from orders.intake import Intake
from orders.models import Order, OrderEvent, Status
from orders.placing import place_order, place_orders
from orders.services import retry_order
from orders.submissions import Placement, Submission
from orders.threads import in_thread

from .clients import get, open_socket, order_text, post
from .helpers import make_order, make_order_at, make_owner, make_token
from .test_insertion import columns_of_a_request
from .test_intake import until
from .test_placing import make_request

pytestmark = pytest.mark.django_db

LOOK_UP = "/api/orders/by-client-id/"
LONGEST = "aZ09._:-" * 8


@pytest.fixture
def _tokens() -> None:
    make_token("A")
    make_token("B")


@pytest.mark.usefixtures("_tokens")
@pytest.mark.parametrize("name", [LONGEST, "a", "cancel", "...", ".a", "by-client-id"])
def test_an_order_is_found_by_the_name_that_its_owner_gave_it(client, name):
    placed = post(order_text(clientOrderId=name))
    assert placed.status_code == 201
    assert placed.json().keys() == {"orderId", "wsUrl"}

    found = get(client, LOOK_UP + name)

    assert found.status_code == 200
    assert found.json()["clientOrderId"] == name
    assert found.json() == get(client, placed["Location"]).json()
    (in_list,) = get(client, "/api/orders").json()["orders"]
    assert in_list["clientOrderId"] == name


@pytest.mark.usefixtures("_tokens")
@pytest.mark.parametrize("body", [order_text(), order_text(clientOrderId=None)])
def test_an_order_without_a_name_shows_null(client, body):
    assert post(body).status_code == 201
    assert post(body).status_code == 201

    assert {order.client_order_id for order in Order.objects.all()} == {None}
    (one, other) = get(client, "/api/orders").json()["orders"]
    assert one["clientOrderId"] is None is other["clientOrderId"]


@pytest.mark.parametrize("name", ["unheard", "x" * 65, "a%00", "%F0%9F%98%80", "%20"])
def test_a_name_that_no_order_of_the_owner_has_is_not_found(client, name):
    make_order(owner=make_owner("other"), client_order_id="unheard")

    answer = client.get(LOOK_UP + name)

    assert (answer.status_code, answer.json()["code"]) == (404, "order_not_found")


@pytest.mark.usefixtures("_tokens")
def test_the_same_order_sent_again_under_its_name_is_the_first_order():
    first = post(order_text(clientOrderId="mine"))
    again = post(order_text(amountIn="100.0", clientOrderId="mine"))
    with_key = post(order_text(clientOrderId="mine"), idempotency_key="k")

    for replayed in (again, with_key):
        assert replayed.status_code == 200
        assert replayed["Idempotency-Replayed"] == "true"
        assert replayed.json() == first.json()
    assert OrderEvent.objects.count() == 1


@pytest.mark.usefixtures("_tokens")
def test_another_order_of_the_same_name_is_a_conflict():
    first = post(order_text(clientOrderId="mine")).json()

    answer = post(order_text(clientOrderId="mine", amountIn=7))

    assert answer.status_code == 409
    assert answer.json()["code"] == "client_order_id_conflict"
    assert first["orderId"] in answer.json()["detail"]
    assert Order.objects.count() == 1


@pytest.mark.parametrize(
    ("first", "second"), [(None, "mine"), ("mine", None), ("mine", "other")]
)
def test_one_key_with_another_name_is_another_order(first, second):
    owner = make_owner()
    place_order(make_request(client_order_id=first), owner=owner, idempotency_key="k")

    with pytest.raises(IdempotencyConflict):
        place_order(
            make_request(client_order_id=second), owner=owner, idempotency_key="k"
        )

    assert Order.objects.count() == 1


def test_a_key_and_a_name_of_two_orders_make_no_third():
    owner = make_owner()
    place_order(make_request(), owner=owner, idempotency_key="k")
    place_order(make_request(client_order_id="mine"), owner=owner)

    with pytest.raises(IdempotencyConflict):
        place_order(
            make_request(client_order_id="mine"), owner=owner, idempotency_key="k"
        )

    assert Order.objects.count() == 2


def test_a_limit_on_the_price_impact_is_never_taken_for_a_name():
    digests = {
        make_request(max_price_impact_bps=bps, client_order_id=name).digest()
        for bps, name in ((None, None), (7, None), (None, "7"), (7, "7"))
    }

    assert len(digests) == 4


def test_a_name_belongs_to_its_owner():
    request = make_request(client_order_id="mine")

    placements = [place_order(request, owner=make_owner(name)) for name in ("a", "b")]

    assert [placement.created for placement in placements] == [True, True]


def test_an_order_that_is_retried_gives_its_name_to_nobody():
    failed, _ = make_order_at(Status.FAILED, client_order_id="mine")

    retried = Order.objects.get(id=retry_order(failed).order_id)

    assert (retried.client_order_id, retried.retry_of_id) == (None, failed.id)


@pytest.mark.django_db(transaction=True)
async def test_a_socket_takes_names_as_the_post_does(client):
    await in_thread(lambda: [make_token(symbol) for symbol in "AB"])
    async with open_socket() as socket:
        await socket.send(order_text(clientOrderId="mine"))
        placed = await socket.frame()
        assert (await socket.frame())["status"] == "pending"
        await socket.send(order_text(clientOrderId="mine"))
        assert (await socket.frame())["orderId"] == placed["orderId"]
        await socket.send(order_text(clientOrderId="mine", amountIn=7))
        refused = await socket.frame()

    assert (refused["status"], refused["code"]) == (409, "client_order_id_conflict")
    found = await in_thread(get, client, LOOK_UP + "mine")
    assert found.json()["orderId"] == placed["orderId"]


@pytest.mark.django_db(transaction=True)
def test_one_name_sent_at_once_by_many_makes_one_order():
    owner, request = make_owner(), make_request(client_order_id="mine")
    barrier = threading.Barrier(4)

    def place(number: int) -> Placement:
        barrier.wait(10)
        try:
            # Each with a line of its own, as processes have.
            return place_order(
                request, owner=owner, idempotency_key=f"k{number}", intake=Intake()
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        placements = list(threads.map(place, range(4)))

    assert sorted(placement.created for placement in placements) == [False] * 3 + [True]
    assert {placement.order_id for placement in placements} == {Order.objects.get().id}


@pytest.mark.django_db(transaction=True)
def test_of_many_orders_only_those_whose_name_is_taken_are_left_out():
    owner = make_owner()
    first = place_order(make_request(client_order_id="taken"), owner=owner)

    again, conflict, new, twice, unnamed = place_orders(
        [
            Submission(make_request(client_order_id="taken"), owner.pk),
            Submission(make_request(client_order_id="taken", amount_in=7), owner.pk),
            Submission(make_request(client_order_id="new"), owner.pk),
            Submission(make_request(client_order_id="new"), owner.pk, "with a key"),
            Submission(make_request(), owner.pk),
        ]
    )

    assert again == Placement(first.order_id, created=False)
    assert isinstance(conflict, ClientOrderIdConflict)
    assert isinstance(unnamed, Placement)
    assert unnamed.created
    assert isinstance(new, Placement)
    assert isinstance(twice, Placement)
    assert new.order_id == twice.order_id
    assert sorted((new.created, twice.created)) == [False, True]
    assert Order.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_orders_that_wait_for_each_others_names_and_keys_are_stored_one_by_one():
    """One order has two unique values, so no order of inserting them avoids every ring."""
    make_token("A")
    one, two = (columns_of_a_request(client_order_id=name) for name in ("1", "2"))
    rivals = [columns_of_a_request(client_order_id=name) for name in ("2", "1")]
    stored: list[object] = []

    def store() -> None:
        stored.extend(Intake().store_all([one, two]))
        connection.close()

    with transaction.atomic():
        insert_orders(rivals[:1])
        waiting = threading.Thread(target=store)
        waiting.start()
        until(_somebody_waits_for_a_lock)
        insert_orders(rivals[1:])  # the ring is closed: PostgreSQL ends the other one
    waiting.join(30)

    # Once the ring is broken either of the two may be the first to have name 1 again.
    owners = dict(Order.objects.values_list("client_order_id", "id"))
    assert owners == {
        "1": one["id"] if stored[0] else rivals[1]["id"],
        "2": rivals[0]["id"],
    }
    assert stored in ([False, False], [True, False])


def _somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])
