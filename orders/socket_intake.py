"""Orders that come over sockets: what comes at the same moment is stored together.

Each message would otherwise cost a turn of a thread, a transaction and a COMMIT.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from django.db import InterfaceError, OperationalError

from dex.gathered import Gathered

from .inputs import read_submission
from .parsers import parse_object
from .placing import Placement, Submission, place_orders
from .threads import in_thread


class SocketIntake:
    """Places the orders of all sockets of a process, those that wait by one call."""

    def __init__(self) -> None:
        self._asked = Gathered(_place_all)

    def ask(self, text: str) -> asyncio.Future[Placement | Exception]:
        """Place the order of one message, also if whoever asks is gone by then.

        Orders are placed in the order in which they are asked for. The result is an
        error as place_orders() or read_submission() has it; raised is what kept all
        messages of that moment from being looked at, such as a database that is away.
        """
        return asyncio.shield(self._asked.ask(text))


async def _place_all(texts: list[str]) -> list[Placement | Exception]:
    return await in_thread(_place, texts)


def _place(texts: Sequence[str]) -> list[Placement | Exception]:
    read = [_read(text) for text in texts]
    placed = iter(place_orders([one for one in read if isinstance(one, Submission)]))
    return [next(placed) if isinstance(one, Submission) else one for one in read]


def _read(text: str) -> Submission | Exception:
    try:
        members = parse_object(text.encode())
        key = members.pop("idempotencyKey", None)
        return read_submission(members, idempotency_key=key)
    except (OperationalError, InterfaceError):
        raise  # each further message would only wait for the same database
    except Exception as error:  # whatever is wrong with one message fails no other
        return error
