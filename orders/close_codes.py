"""With which codes a socket is closed: 4000 and the status of the problem before it."""

from __future__ import annotations

from django.conf import settings

CLOSE_DONE = 1000
CLOSE_TOO_BIG = 1009
CLOSE_STALLED = 4408
CLOSE_TOO_MANY = 4429
CLOSE_PROBLEM = 4000  # plus the status of the problem: 4400, 4404, 4503

_AGAIN = "Connect again with `after`, a little later each time."
# What each code means, and what to do; {stall_s} is of settings. 1006 is sent by nobody.
CLOSE_CODES = {
    CLOSE_DONE: (
        "The order has ended, and you have seen everything.",
        "Nothing.",
    ),
    CLOSE_TOO_BIG: ("A message had more than 64 KiB.", "Send less."),
    1006: (
        "The connection was lost, or you did not read for {stall_s} s and were cut off.",
        "Connect again with `after`.",
    ),
    4400: ("The query string is wrong.", "Mend it."),
    4401: (
        "No key, a bad key or a bad ticket; or, with `right_lost`, the right has ended "
        "since the socket was opened.",
        "Connect with a key that counts, or ask for a new ticket.",
    ),
    4403: (
        "The key lacks the scope: `read` to follow, `trade` to place. Or, with "
        "`foreign_origin`, a session's cookie came from no page of this site.",
        "Use another key.",
    ),
    4404: ("No such order, or no such path.", "Mend it."),
    CLOSE_STALLED: (
        "You did not read for {stall_s} s, and the server is not the engine's own.",
        "Connect again with `after`.",
    ),
    CLOSE_TOO_MANY: (
        "More than a limit: the error frame before says which one, and when to come back.",
        "Wait, or close other sockets.",
    ),
    4500: ("The server failed.", _AGAIN),
    4503: ("The database does not answer.", _AGAIN),
}


def close_codes() -> dict[int, tuple[str, str]]:
    """Return what each code means and what to do, with the seconds of this installation."""
    stall_s = f"{settings.SOCKET_STALL_S:g}"
    return {
        code: (means.format(stall_s=stall_s), what_to_do)
        for code, (means, what_to_do) in CLOSE_CODES.items()
    }
