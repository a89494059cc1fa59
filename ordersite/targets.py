"""What a request is for, in either form in which clients may write it (RFC 9112, 3.2).

Most name a path, and the host in a header. Those that speak to a proxy name both as one
address, and that one's host counts, whatever the header says.
"""

from __future__ import annotations

import re

from orders.answers import bad_request
from orders.problems import Problem

_ADDRESS = re.compile(rb"https?://([^/?#]+)(.*)", re.IGNORECASE)


def split_target(target: bytes) -> tuple[bytes | None, bytes]:
    """Return the host that a target names, None where it is a path alone, and the path."""
    found = _ADDRESS.fullmatch(target)
    if found is None:
        return None, target
    host, rest = found.groups()
    return host, rest if rest.startswith(b"/") else b"/" + rest


def refusal_of(version: bytes, hosts: list[bytes]) -> Problem | None:
    """Say why a request with these Host headers is none; only HTTP/1.0 may have none."""
    if len(hosts) == 1 or (not hosts and version == b"HTTP/1.0"):
        return None
    return bad_request(
        f"The request has {len(hosts)} Host headers. Send exactly one, with the name of "
        "this site."
    )
