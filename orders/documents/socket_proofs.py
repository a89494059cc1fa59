"""What a client may prove with who opens a socket, as the AsyncAPI document says it."""

from __future__ import annotations

from django.conf import settings

from orders.access.sockets import SUBPROTOCOL

from .json_schema import Schema

PLACING = ("apiKey", "keyAsSubprotocol", "session")
FOLLOWING = ("apiKey", "keyAsSubprotocol", "ticket", "session")
ABOUT = """\
Only the first that is there counts: a key (in the header or as a subprotocol, not both), then
a ticket, then a session. A key or ticket that does not count is not made up for by another
proof: the socket is closed with 4401. So it is without any proof, unless `ALLOW_ANONYMOUS=1` is
set here. To follow an order takes the scope `read`, to place orders `trade`; a ticket lets its
order be followed without.
"""


def schemes() -> dict[str, Schema]:
    """Return the ways to prove who opens a socket, in the order in which they count."""
    return {
        "apiKey": {
            "type": "http",
            "scheme": "bearer",
            "description": "For programs: an API key in the handshake's header "
            "`Authorization: Bearer <key>`.",
        },
        "keyAsSubprotocol": {
            "type": "httpApiKey",
            "in": "header",
            "name": "Sec-WebSocket-Protocol",
            "description": "For a page that has an API key, as no page can set a header: two "
            f"subprotocols, `{SUBPROTOCOL}` and `key.<key>`. In a script "
            f'`new WebSocket(url, ["{SUBPROTOCOL}", "key." + key])`. The answer names '
            f"`{SUBPROTOCOL}` alone.",
        },
        "ticket": {
            "type": "httpApiKey",
            "in": "query",
            "name": "ticket",
            "description": "For whoever has a `wsUrl`: its `&ticket=` stands for the key or "
            "session that it was made for, for that one order and 15 minutes. `POST "
            "/api/orders/{orderId}/ticket` makes another one. It places no orders.",
        },
        "session": {
            "type": "httpApiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "For pages of this site whose user is logged in at /admin/: the "
            f"browser sends the cookie `{settings.SESSION_COOKIE_NAME}` by itself, and with "
            "it the page's `Origin`, which must be this site's own or one of "
            "`CSRF_TRUSTED_ORIGINS`.",
        },
    }
