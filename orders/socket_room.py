"""How many more orders a socket may have open."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from django.conf import settings

from .earlier import names_in_use, names_of
from .feed import Feed
from .submissions import Submission


class Room:
    """The room of one socket: for SOCKET_ORDERS open orders; 0 is no limit.

    Used on the event loop alone.
    """

    __slots__ = ("_feed", "_unfollowed")

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


def without_room(submissions: Sequence[Submission], left: int) -> list[int]:
    """Return which submissions of one socket are more than `left` new orders.

    A repetition takes no place: what was placed before is answered with that, or with why
    it is another order. Raises database errors.
    """
    if len(submissions) <= left:
        return []
    placed = names_in_use(submissions)
    beyond = []
    for number, submission in enumerate(submissions):
        names = names_of(submission)
        if names & placed:
            continue
        if left > 0:
            left -= 1
            placed |= names
        else:
            beyond.append(number)
    return beyond
