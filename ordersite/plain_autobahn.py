"""Take out of autobahn what it prepares for debug lines that nobody reads.

For each new socket it formats all of its options, and colours names, before it finds that
no debug lines are wanted: a tenth of the CPU of a socket.
"""

from __future__ import annotations

import pprint
from typing import Any

from autobahn.twisted import websocket
from autobahn.websocket import protocol


class Later:
    """Is formatted when somebody reads it."""

    def __init__(self, value: Any, **options: Any) -> None:
        self._value = value

    def __str__(self) -> str:
        return pprint.pformat(self._value)


def make_plain() -> None:
    """Replace the functions that format, in both modules that use them."""
    for module, names in (
        (protocol, ("pformat", "hltype", "hlval")),
        (websocket, ("hltype", "hlval")),
    ):
        for name in names:
            getattr(module, name)  # raises with another autobahn than the pinned one
            setattr(module, name, Later)
