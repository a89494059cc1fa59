"""A key or a ticket that is sent where none belongs is in no error, page or frame."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.test import Client

from orders.access.principal import Principal
from orders.access.tickets import ticket_for
from orders.problems import request_timeout
from orders.request_ids import request_id_of
from orders.tests.clients import get, open_socket, order_text, post
from orders.tests.helpers import make_owner, make_token
from ordersite.chaos.canary import found_in, spellings
from ordersite.raw_answers import raw_answer

KEY = "dex_canary00_x7Qm2vN9rT4k_w8ZcYb1HfJ6sDgP-E3uRiOoWn5tMqV"
TICKET = ticket_for(uuid4(), Principal(1, 7, frozenset(), "key"))


def encoded(text: str) -> str:
    """Write every character of a text as addresses may."""
    return "".join(f"%{ord(character):02X}" for character in text)


SENT = [KEY, TICKET, f"index_{KEY}", f"{KEY}/x", f"{TICKET}?"]
IDS = ["key", "ticket", "inside a word", "before more", "ticket before more"]


@pytest.fixture
def tradable(db):
    make_owner()
    make_token("A")
    make_token("B", decimals=6)


@pytest.fixture
def shown(tmp_path: Path):
    """Say which secrets a text shows, in whatever spelling."""
    wanted = dict(spellings(tmp_path, [KEY]))
    wanted[TICKET.encode()] = wanted[encoded(TICKET).encode()] = "a ticket"
    wanted[TICKET.rsplit(":", 1)[1].encode()] = "a ticket"
    wanted[encoded(KEY[13:]).encode()] = "an API key"
    return lambda text: found_in(text.encode(), wanted)


@pytest.mark.django_db
@pytest.mark.usefixtures("tradable")
@pytest.mark.parametrize("sent", SENT, ids=IDS)
def test_no_answer_of_the_api_echoes_what_opens_it(client, shown, sent: str):
    paths = ["/api/orders/by-client-id/", "/api/nowhere/", "/api/orders/", "/nowhere/"]
    answers = [get(client, path + quote(sent)) for path in paths]
    answers += [get(client, path + encoded(sent)) for path in paths]
    answers += [
        get(client, "/api/orders", **{sent: "x"}),
        get(client, "/api/orders", token=sent, status=sent, cursor=sent),
        post(order_text(**{sent: 1})),
        post(json.dumps({sent: 1, "x": 2}).replace('"x"', json.dumps(sent))),
        *(post(order_text(**{name: sent})) for name in json.loads(order_text())),
        post(order_text(clientOrderId=f"{sent}?")),
        post(order_text(tokenIn=sent), "/api/quotes"),
    ]

    for answer in answers:
        assert answer.status_code in (400, 404)
        assert not shown(f"{answer.headers}\n{answer.content.decode()}")


@pytest.mark.django_db
def test_what_is_left_says_where_the_key_was_and_whose_it_is(client):
    answer = get(client, f"/api/nowhere/{KEY}").json()
    order_id = get(client, "/api/orders/by-client-id/100%25-mine").json()

    assert answer["instance"] == "/api/nowhere/dex_canary00_[removed]"
    assert order_id["instance"] == "/api/orders/by-client-id/100%-mine"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/nowhere/", "/api/nowhere/"])
def test_pages_for_developers_do_not_echo_it_either(settings, shown, path: str):
    settings.DEBUG = True
    for sent in (KEY, TICKET):
        answer = Client().get(path + sent)
        assert answer.status_code == 404
        assert not shown(answer.content.decode())


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("tradable")
@pytest.mark.parametrize("sent", SENT, ids=IDS)
async def test_no_frame_echoes_it(shown, sent: str):
    texts = []
    async with open_socket("") as socket:
        for message in (order_text(tokenIn=sent), order_text(**{sent: 1}), f'"{sent}"'):
            await socket.send(message)
            texts.append(json.dumps(await socket.frame()))
    for query in (f"?{quote(sent)}=1", f"?orderId={quote(sent)}"):
        async with open_socket(query) as socket:
            texts.append(json.dumps(await socket.frame()))

    assert [json.loads(text)["status"] for text in texts] == [400] * 5
    assert not shown("\n".join(texts))


@pytest.mark.parametrize("written", [str, encoded], ids=["plain", "encoded"])
def test_no_answer_below_django_echoes_it(shown, written):
    for sent in SENT:
        assert not shown(
            raw_answer(request_timeout(), f"/api/{written(sent)}").decode()
        )


def test_a_key_names_no_request(shown):
    for name in (KEY, f"a-{KEY}", KEY[:40]):
        assert not shown(request_id_of(name))
        assert request_id_of(name) != name
