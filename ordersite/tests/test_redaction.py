from __future__ import annotations

import base64
import json

import pytest
from solders.keypair import Keypair

from orders.access.hidden import GONE
from ordersite.redaction import redacted

KEYPAIR = Keypair.from_seed(bytes(range(32)))
NUMBERS = list(bytes(KEYPAIR))
API_KEY = "dex_ab12cd34_" + base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip(
    "="
)
TICKET = f"{'Wy' * 28}:1vPxyZ:{'s-_7' * 10}abc"

# A line with a secret, and what is left of it.
LINES = {
    "api key": (f"refused {API_KEY} twice", f"refused dex_ab12cd34_{GONE} twice"),
    "api key inside a word": (f"index_{API_KEY}", f"index_dex_ab12cd34_{GONE}"),
    "api key as in an address": (
        f"GET /api/{API_KEY.replace('_', '%5F', 2)} HTTP",
        f"GET /api/dex%5Fab12cd34_{GONE} HTTP",
    ),
    "ticket in a path": (
        f"Not Found: /api/nowhere/{TICKET}",
        f"Not Found: /api/nowhere/{GONE}",
    ),
    "ticket in a path as in an address": (
        f"GET /api/{TICKET.replace(':', '%3A')} HTTP",
        f"GET /api/{GONE} HTTP",
    ),
    "header": (f"Authorization: Bearer {API_KEY}", f"Authorization: Bearer {GONE}"),
    "header of bytes": (
        "(b'authorization', b'Bearer abc.def-ghi')",
        f"(b'authorization', b'Bearer {GONE}')",
    ),
    "basic": ("authorization=basic dXNlcjpwYXNz=", f"authorization=basic {GONE}"),
    "ticket in a socket's address": (
        "GET /api/orders/execute?orderId=1&ticket=a:b:c HTTP/1.1",
        "GET /api/orders/execute?… HTTP/1.1",
    ),
    "ticket": ("no ticket=a:b:c here", f"no ticket={GONE} here"),
    "cookie": (
        "Cookie: sessionid=abc; csrftoken=def",
        f"Cookie: sessionid={GONE}; csrftoken={GONE}",
    ),
    "user of an address": (
        "cannot connect to https://me:pass@rpc.example:8443",
        "cannot connect to https://rpc.example:8443",
    ),
    "path of an address": (
        "URL('https://rpc.example/v2/0123abc') failed",
        "URL('https://rpc.example/…') failed",
    ),
    "query of an address": (
        'ws to "wss://rpc.example/?api-key=abc" lost',
        'ws to "wss://rpc.example/…" lost',
    ),
    "password of a database": (
        "postgresql://orders:geheim@db:5432/orders?sslmode=require",
        "postgresql://db:5432/…",
    ),
    "keypair file": (f"bad {json.dumps(NUMBERS)}", f"bad [{GONE}]"),
    "part of a keypair file": (f"bad {NUMBERS[:40]}", f"bad [{GONE}]"),
    "keypair in base58": (f"loaded {KEYPAIR} now", f"loaded {GONE} now"),
}


@pytest.mark.parametrize(("line", "left"), LINES.values(), ids=LINES)
def test_a_secret_does_not_leave_a_line(line: str, left: str):
    assert redacted(line) == left


@pytest.mark.parametrize(
    "line",
    [
        "order 5b0f8a4e-0000-4000-8000-000000000001 waits: why? nobody knows",
        f"the fill of {KEYPAIR.sign_message(b'x')}: not shown",
        "http://127.0.0.1:8899 is listed twice: the first is used",
        "Not Found: /api/nowhere",
        f"wallet {KEYPAIR.pubkey()}, slots [1, 2, 3], 12 orders",
        "unix:///tmp/dex/valkey.sock",
    ],
)
def test_what_is_no_secret_stays(line: str):
    assert redacted(line) == line
