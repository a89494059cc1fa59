"""How much one client may ask for, by REST and over sockets."""

from __future__ import annotations

import pytest
from django.test import Client

from orders.access.addresses import client_address
from orders.models import Order
from orders.threads import in_thread

from .accounts import bearer, keyed, make_text, make_user, refusal, socket_headers
from .clients import PATH, Socket, open_socket, order_text
from .helpers import make_owner, make_token
from .limits import set_limits

pytestmark = pytest.mark.django_db(transaction=True)

TOKENS = "/api/tokens"
HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


@pytest.fixture(autouse=True)
def _market():
    make_token("A")
    make_token("B")
    make_owner()


def at(address: str) -> Client:
    """Return a client that sends no key, at an address."""
    return Client(raise_request_exception=False, REMOTE_ADDR=address)


def place(client: Client):
    return client.post(PATH, order_text(), content_type="application/json")


async def is_let_in(socket: Socket) -> bool:
    """Say whether a socket takes orders, as soon as that is decided."""
    await socket.send("[]")
    return bool((await socket.frame())["code"] == "not_an_object")


def limits_told(answer) -> list[str]:
    return [answer[name] for name in HEADERS]


def test_answers_tell_the_limit_and_the_one_above_says_when_to_come_back(settings):
    set_limits(settings, RATE_LIMIT_REQUESTS=2)
    client = at("10.0.0.1")

    assert limits_told(client.get(TOKENS)) == ["2", "1", "30"]
    assert limits_told(client.get("/api/orders")) == ["2", "0", "60"]
    refused = client.get(TOKENS)
    assert refusal(refused) == (429, "rate_limited")
    assert limits_told(refused) == ["2", "0", "60"]
    assert refused["Retry-After"] == "30"
    assert refused.json()["detail"] == (
        "The limit is 2 requests in 60 seconds. Come back in 30 s, or have the operator "
        "raise RATE_LIMIT_REQUESTS."
    )
    assert [refused.json()[name] for name in ("limit", "windowSeconds")] == [2, 60]
    assert refused.json()["retryAfterSeconds"] == 30


def test_orders_and_cancellations_have_a_bucket_of_their_own(settings):
    set_limits(settings, RATE_LIMIT_ORDERS=2)
    client = at("10.0.0.2")
    order_id = place(client).json()["orderId"]

    assert client.post(f"/api/orders/{order_id}/cancel").status_code == 200
    assert refusal(place(client)) == (429, "rate_limited")
    assert client.get(f"/api/orders/{order_id}").status_code == 200
    assert Order.objects.count() == 1


def test_an_answer_that_refuses_an_order_tells_the_limit_too(settings):
    set_limits(settings, RATE_LIMIT_ORDERS=10)
    settings.MAX_ORDER = 1
    answer = place(at("10.0.0.3"))

    assert answer.status_code == 422
    assert limits_told(answer) == ["10", "9", "6"]


def test_a_body_that_is_no_order_is_a_request_and_spends_no_order(settings):
    set_limits(settings, RATE_LIMIT_REQUESTS=10, RATE_LIMIT_ORDERS=1)
    client = at("10.0.0.3")
    bodies = ["", "{}", "[]", order_text(amountIn=0), "x" * 65_537]

    answers = [client.post(PATH, body, "application/json") for body in bodies]
    answers.append(client.post(PATH, order_text(), "text/plain"))

    assert [answer.status_code for answer in answers] == [400] * 4 + [413, 415]
    assert limits_told(answers[-1]) == ["10", "4", "36"]
    assert place(client).status_code == 201
    assert refusal(place(client)) == (429, "rate_limited")


def test_each_key_and_each_address_has_limits_of_its_own(settings):
    set_limits(settings, RATE_LIMIT_REQUESTS=1)
    ada = make_user("ada", "trader")
    clients = [keyed(make_text(ada)), keyed(make_text(ada)), at("10.0.0.4")]

    assert [client.get(TOKENS).status_code for client in clients] == [200] * 3
    assert [client.get(TOKENS).status_code for client in clients] == [429] * 3


def test_of_200_wrong_keys_10_are_answered_and_a_good_one_is_let_in(settings):
    set_limits(settings, RATE_LIMIT_FAILURES=10)
    good = bearer(make_text(make_user("ada", "trader")))
    client = at("10.0.0.5")
    wrong = [f"dex_{n:08}_{'x' * 43}" for n in range(200)]

    codes = [client.get(TOKENS, headers=bearer(text)).status_code for text in wrong]

    assert codes == [401] * 10 + [429] * 190
    assert client.get(TOKENS, headers=good).status_code == 200
    assert at("10.0.0.6").get(TOKENS, headers=bearer("x")).status_code == 401


def test_requests_without_a_key_are_limited_by_their_address(settings):
    set_limits(settings, RATE_LIMIT_REQUESTS=2)
    settings.ALLOW_ANONYMOUS = False
    client = at("10.0.0.7")

    assert [client.get(TOKENS).status_code for _ in range(3)] == [401, 401, 429]


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "expected"),
    [
        (0, "10.0.0.1", "1.1.1.1", "10.0.0.1"),
        (1, "10.0.0.1", "9.9.9.9, 1.1.1.1", "1.1.1.1"),
        (2, "10.0.0.1", "9.9.9.9, 1.1.1.1, 10.0.0.2", "1.1.1.1"),
        (2, "10.0.0.1", "1.1.1.1", "1.1.1.1"),
        (1, "10.0.0.1", "", "10.0.0.1"),
        (1, "10.0.0.1", "no address", "10.0.0.1"),
        (0, "::ffff:1.1.1.1", "", "1.1.1.1"),
        (0, "2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        (0, "", "1.1.1.1", "unknown"),
    ],
)
def test_only_what_trusted_proxies_saw_is_an_address(
    settings, proxies, peer, forwarded, expected
):
    settings.TRUSTED_PROXIES = proxies

    assert client_address(peer, forwarded) == expected


def test_a_client_cannot_invent_an_address_to_escape_its_limit(settings):
    set_limits(settings, RATE_LIMIT_REQUESTS=1)
    client = at("10.0.0.8")
    forged = [client.get(TOKENS, headers={"X-Forwarded-For": a}) for a in "123"]

    assert [answer.status_code for answer in forged] == [200, 429, 429]


async def test_orders_over_a_socket_share_the_limit_of_orders_by_rest(settings):
    text = await in_thread(lambda: make_text(make_user("ada", "trader")))
    await in_thread(lambda: set_limits(settings, RATE_LIMIT_ORDERS=10))
    async with open_socket("", socket_headers(text)) as socket:
        for _ in range(12):
            await socket.send(order_text())
        frames = [await socket.frame() for _ in range(22)]  # ten answers, ten events
        refused = [frame for frame in frames if "code" in frame]

        assert [frame["code"] for frame in refused] == ["rate_limited"] * 2
        assert refused[0]["retryAfterSeconds"] == 6
        assert (await in_thread(place, keyed(text))).status_code == 429
        assert await in_thread(Order.objects.count) == 10


async def test_a_socket_above_the_limit_of_its_key_is_closed_with_4429(settings):
    settings.SOCKETS_PER_KEY = 2
    text = await in_thread(lambda: make_text(make_user("ada", "trader")))
    headers = socket_headers(text)
    async with open_socket("", headers) as first:
        assert await is_let_in(first)
        async with open_socket("", headers) as second:
            assert await is_let_in(second)
            async with open_socket("", headers) as third:
                assert (await third.frame())["code"] == "too_many_sockets"
                assert await third.close_code() == 4429
        async with open_socket("", headers) as again:
            assert await is_let_in(again)


async def test_a_socket_at_a_wrong_address_counts_among_those_of_its_address(settings):
    settings.SOCKETS_PER_ADDRESS = 1
    async with open_socket() as first:
        assert await is_let_in(first)
        async with open_socket(path="/ws/nowhere") as second:
            assert (await second.frame())["code"] == "too_many_sockets"
            assert await second.close_code() == 4429


async def test_opening_a_socket_counts_as_a_request(settings):
    text = await in_thread(lambda: make_text(make_user("ada", "trader")))
    await in_thread(lambda: set_limits(settings, RATE_LIMIT_REQUESTS=1))
    headers = socket_headers(text)
    async with open_socket("", headers) as first:
        await first.send(order_text())
        assert "orderId" in await first.frame()
        async with open_socket("", headers) as second:
            assert (await second.frame())["code"] == "rate_limited"
            assert await second.close_code() == 4429


async def test_wrong_keys_of_sockets_are_counted_with_those_of_requests(settings):
    await in_thread(lambda: set_limits(settings, RATE_LIMIT_FAILURES=2))
    closed = []
    for _ in range(3):
        async with open_socket("", socket_headers("dex_x")) as socket:
            await socket.frame()
            closed.append(await socket.close_code())

    assert closed == [4401, 4401, 4429]


async def test_a_foreign_page_is_refused_before_any_limit_is_looked_at(settings):
    settings.SOCKETS_PER_ADDRESS = 1
    foreign = [(b"origin", b"http://evil.example"), (b"host", b"localhost")]
    async with open_socket() as first:
        assert not await Socket("", foreign).connect()
        assert await is_let_in(first)
