"""Listening sockets: each node has one for HTTP and, on the next port, one for WebSocket."""

from __future__ import annotations

import socket

ATTEMPTS = 50


def listen_in_pairs(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """Bind two adjacent ports; 0 means any two. Raises OSError when they are taken."""
    for attempt in range(ATTEMPTS):
        first = _bind(host, port)
        try:
            return first, _bind(host, first.getsockname()[1] + 1)
        except (OSError, OverflowError):
            first.close()
            if port or attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("the last attempt returns or raises")


def _bind(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        # A port that a dead localnet left a moment ago is free again.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    return bound
