"""Which calls share one HTTP request: as many as the request and its answer can hold."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from dex.errors import RpcError

# The accounts of one call take up to 1.7 MB, so that few such calls share an answer.
LONG_ANSWER, MAX_LONG_ANSWERS = "getMultipleAccounts", 2
# What nodes read: MAX_REQUEST_BODY_SIZE in agave's rpc/src/rpc.rs.
MAX_BODY_BYTES = 50 * 1024
# What a call takes in a body beside its method and parameters, with the longest id.
ENVELOPE_BYTES = 80


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    params: Sequence[Any]
    answer: asyncio.Future[Any]
    # How many calls, from this one on, share a request if one can hold them.
    together: int = 1

    @property
    def length(self) -> int:
        """Return how many bytes of a body it takes at most."""
        return len(json.dumps([self.method, self.params])) + ENVELOPE_BYTES

    def give(self, result: Any) -> None:
        if not self.answer.done():  # its caller may have given up
            self.answer.set_result(result)

    def refuse(self, error: RpcError) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


def next_batch(waiting: deque[Call], batch_size: int) -> list[Call]:
    """Take the calls of the next request; none when nobody waits for them any more."""
    calls: list[Call] = []
    long_answers, length = 0, 0
    while waiting and len(calls) < batch_size:
        call = waiting[0]
        long_answers += call.method == LONG_ANSWER
        length += call.length
        if long_answers > MAX_LONG_ANSWERS or (calls and length > MAX_BODY_BYTES):
            break
        if (
            calls
            and call.together > 1
            and not _fits(
                waiting,
                call,
                room=batch_size - len(calls),
                bytes_left=MAX_BODY_BYTES - length,
            )
        ):
            break
        waiting.popleft()
        if not call.answer.done():  # its caller may have given up
            calls.append(call)
    return calls


def _fits(waiting: deque[Call], first: Call, *, room: int, bytes_left: int) -> bool:
    """Whether the calls after `first` that belong to it fit into the same request, too."""
    others = islice(waiting, 1, first.together)
    return first.together <= room and sum(c.length for c in others) <= bytes_left
