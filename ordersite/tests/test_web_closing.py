"""What was read of a socket before the server closed it is carried out to the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orders.models import Order
from orders.tests.clients import order_text
from orders.tests.helpers import make_owner, make_token
from orders.tests.wire import Wire, client_frame, upgrade
from ordersite.embedded.server import wait_until

from .web import WebProcess, web_process, wires_to

pytestmark = pytest.mark.django_db(transaction=True)

TEXT, CLOSE = 0x1, 0x8
# More than wait for their answers, and for room in the feed of the socket.
ORDERS = 400


@pytest.fixture
def web(tmp_path) -> Iterator[WebProcess]:
    with web_process(tmp_path, SOCKETS_PER_ADDRESS="1") as running:
        make_owner()
        make_token("A")
        make_token("B")
        yield running


def opened(wire: Wire) -> Wire:
    wire.send(upgrade())
    assert wire.head().startswith(b"HTTP/1.1 101 ")
    return wire


def serves_a_socket(web: WebProcess) -> bool:
    with wires_to(web, 1) as (wire,):
        opened(wire).send(client_frame(TEXT, order_text().encode()))
        return "wsUrl" in wire.event()


def test_orders_read_before_a_message_that_closes_the_socket_are_all_placed(web):
    orders = client_frame(TEXT, order_text().encode()) * ORDERS
    with wires_to(web, 1) as (wire,):
        opened(wire).send(orders + client_frame(TEXT, b" " * 65_537))
        while (frame := wire.frame())[0] != CLOSE:
            pass
        assert int.from_bytes(frame[1][:2], "big") == 1009
        assert wait_until(lambda: Order.objects.count() == ORDERS, 5)

    assert wait_until(lambda: serves_a_socket(web), 4)  # its place has come back
    assert "took too long" not in web.log.read_text()
