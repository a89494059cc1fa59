"""What every request and handshake passes first: no look-up, and no page, beyond a limit."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orders.access import keys
from orders.access.models import ApiKey
from orders.threads import in_thread

from .accounts import bearer, keyed, make_text, make_user, refusal, socket_headers
from .clients import Socket, open_socket
from .helpers import make_owner, make_token
from .limits import set_limits

pytestmark = pytest.mark.django_db(transaction=True)

TOKENS = "/api/tokens"
OF_API = [
    *("/api/schema/", "/api/docs/", "/api/asyncapi.json", "/api/docs/sockets/"),
    *("/api/nowhere", "/API/nowhere", TOKENS),
]
OF_PAGES = [
    *("/", "/nowhere", "/admin/login/", "/admin/", "/django-rq/", "/favicon.ico"),
    *("/test-concurrent-orders", "/static/orders/icon.svg"),
]


@pytest.fixture(autouse=True)
def _market():
    make_token("A")
    make_owner()


def wrong(number: int) -> str:
    return f"dex_{number:08}_{'x' * 43}"


def look_ups(queries: CaptureQueriesContext) -> int:
    """Count those of one key; beside them there is one a second for all keys."""
    return sum('"prefix" = ' in query["sql"] for query in queries)


def at(address: str, text: str = "") -> Client:
    headers = bearer(text) if text else {}
    return Client(headers=headers, raise_request_exception=False, REMOTE_ADDR=address)


@pytest.mark.parametrize("path", OF_API + OF_PAGES)
def test_every_address_of_the_site_counts_and_the_one_above_the_limit_says_so(
    settings, path
):
    set_limits(settings, RATE_LIMIT_REQUESTS=1)
    client = at("10.1.0.1")

    first, second = client.get(path), client.get(path)

    assert first.status_code != 429
    assert first["RateLimit-Limit"] == "1"
    assert second.status_code == 429
    assert second["Retry-After"] == second["RateLimit-Reset"] == "60"
    said = "The limit is 1 requests in 60 seconds. Come back in 60 s, or have the operator raise RATE_LIMIT_REQUESTS."
    if path in OF_API:
        assert second["Content-Type"] == "application/problem+json"
        assert (second.json()["code"], second.json()["detail"]) == (
            "rate_limited",
            said,
        )
        assert second.json()["requestId"] == second["X-Request-ID"]
    else:
        assert second["Content-Type"] == "text/plain; charset=utf-8"
        assert second.content.decode() == f"{said}\n"


def test_what_load_balancers_ask_does_not_count(settings):
    set_limits(settings, RATE_LIMIT_REQUESTS=1)
    client = at("10.1.0.2")

    assert [client.get("/healthz").status_code for _ in range(3)] == [200] * 3
    assert client.get(TOKENS).status_code == 200


def test_a_key_counts_alone_once_this_process_has_let_it_in(settings):
    set_limits(settings, RATE_LIMIT_REQUESTS=2)
    text = make_text(make_user("ada", "trader"))
    ada, neighbour = at("10.1.0.3", text), at("10.1.0.3")

    # The first one is of the address, too.
    assert [ada.get(path).status_code for path in (TOKENS, "/nowhere")] == [200, 404]
    assert ada.get(TOKENS).status_code == 429
    assert [neighbour.get(TOKENS).status_code for _ in range(2)] == [200, 429]


def test_wrong_keys_are_looked_up_no_more_often_than_their_address_may_ask(settings):
    set_limits(settings, RATE_LIMIT_REQUESTS=5)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        codes = [at("10.1.0.4", wrong(n)).get(TOKENS).status_code for n in range(12)]

    assert codes == [401] * 5 + [429] * 7
    assert look_ups(queries) == 5


def test_wrong_keys_are_not_looked_up_once_there_were_too_many(settings):
    set_limits(settings, RATE_LIMIT_FAILURES=5)
    with CaptureQueriesContext(connection) as queries:
        codes = [at("10.1.0.5", wrong(n)).get(TOKENS).status_code for n in range(12)]

    assert codes == [401] * 5 + [429] * 7
    assert look_ups(queries) == 6


@pytest.mark.parametrize("limit", ["RATE_LIMIT_REQUESTS", "RATE_LIMIT_FAILURES"])
def test_a_key_that_is_live_gets_in_however_many_wrong_ones_come_beside_it(
    settings, limit
):
    good = make_text(make_user("ada", "trader"))
    revoked = make_text(make_user("eve", "trader"))
    keys.revoke(owner__username="eve")
    set_limits(settings, **{limit: 3})
    for number in range(10):
        at("10.1.0.6", wrong(number)).get(TOKENS)

    assert at("10.1.0.6", good).get(TOKENS).status_code == 200
    assert refusal(at("10.1.0.6", revoked).get(TOKENS)) == (429, "rate_limited")
    assert ApiKey.objects.count() == 2


def test_a_key_that_was_revoked_counts_against_its_address_again(settings):
    text = make_text(make_user("ada", "trader"))
    assert keyed(text).get(TOKENS).status_code == 200
    assert keys.known_key(text) is not None
    keys.revoke()
    keys._by_text._keep_s, kept = 0, keys._by_text._keep_s
    try:
        assert keyed(text).get(TOKENS).status_code == 401
    finally:
        keys._by_text._keep_s = kept

    assert keys.known_key(text) is None


async def codes_of_sockets(count: int, headers) -> list[object]:
    found: list[object] = []
    for _ in range(count):
        async with open_socket("", headers) as socket:
            found.append((await socket.frame())["code"])
            assert await socket.close_code() in (4401, 4429)
    return found


async def test_handshakes_count_against_their_address_before_any_key_is_looked_up(
    settings,
):
    await in_thread(lambda: set_limits(settings, RATE_LIMIT_REQUESTS=2))

    assert await codes_of_sockets(4, socket_headers(wrong(1))) == [
        *("invalid_key", "invalid_key", "rate_limited", "rate_limited")
    ]


async def test_a_handshake_of_a_foreign_page_and_one_to_nowhere_count_as_well(settings):
    await in_thread(lambda: set_limits(settings, RATE_LIMIT_REQUESTS=2))
    foreign = [(b"origin", b"http://evil.example"), (b"host", b"localhost")]
    refused = Socket("", foreign)
    assert not await refused.connect()
    await refused.leave()
    async with open_socket(path="/ws/nowhere") as nowhere:
        assert (await nowhere.frame())["code"] == "not_found"
        assert await nowhere.close_code() == 4404

    assert await codes_of_sockets(1, ()) == ["rate_limited"]
