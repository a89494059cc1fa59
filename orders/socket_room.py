"""How many more orders a socket may have open."""

from __future__ import annotations

import sys

from django.conf import settings

from .feed import Feed


class Room:
    """The room of one socket: for SOCKET_ORDERS open orders; 0 is no limit.

    Used on the event loop alone.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._unfollowed = 0  # placed, and not told to the client yet

    @property
    def left(self) -> int:
        """How many more orders may be placed now."""
        most: int = settings.SOCKET_ORDERS
        if most == 0:
            return sys.maxsize
        return most - len(self._feed.cursors) - self._unfollowed

    def place(self) -> None:
        """Count an order that was placed, until the feed follows it."""
        self._unfollowed += 1

    def follow(self) -> None:
        """Count an order no more that the feed follows now, or followed to its end."""
        self._unfollowed -= 1
