"""Orders that come over sockets: what comes at the same moment is stored together.

Each message would otherwise cost a turn of a thread, a transaction and a COMMIT.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import NamedTuple, cast

from django.conf import settings
from django.db import InterfaceError, OperationalError

from dex import log_context
from dex.gathered import Gathered

from .access.limits import ORDERS, REQUESTS, admit, found_spent
from .inputs import read_submission
from .parsers import parse_object
from .placing import place_orders
from .problems import Problem, as_problem, internal_error, too_many_orders
from .socket_room import Room, without_room
from .submissions import Placement, Submission
from .threads import in_thread

logger = logging.getLogger(__name__)


class Message(NamedTuple):
    """What came over a socket, with whose limits count, and its name in the logs.

    `objection` says why it places no order, where that shows without reading it.
    """

    client: str
    owner_id: int
    text: str
    room: Room
    request_id: str = ""
    objection: Problem | None = None


# What a message was found to be: an order, or why it places none.
Read = Submission | Problem


class SocketIntake:
    """Places the orders of all sockets of a process, those that wait by one call."""

    def __init__(self) -> None:
        self._asked = Gathered(_place_all)

    def ask(self, message: Message) -> asyncio.Future[Placement | Problem]:
        """Place the order of one message, also if whoever asks is gone by then.

        Orders are placed in the order in which they are asked for. Raised is what kept all
        messages of that moment from being looked at, such as a database that is away.
        """
        return asyncio.shield(self._asked.ask(message))


async def _place_all(messages: list[Message]) -> list[Placement | Problem]:
    left = {message.room: message.room.left for message in messages}
    results = await in_thread(_place, messages, left)
    for message, result in zip(messages, results, strict=True):
        if isinstance(result, Placement) and result.created:
            message.room.place()
    return results


def _place(
    messages: Sequence[Message], left: dict[Room, int]
) -> list[Placement | Problem]:
    read = _within_limits(messages, _read_all(messages), left)
    placed = iter(place_orders([one for one in read if isinstance(one, Submission)]))
    results = [next(placed) if isinstance(one, Submission) else one for one in read]
    return [
        problem_of(result, message.request_id)
        if isinstance(result, Exception)
        else result
        for message, result in zip(messages, results, strict=True)
    ]


def _read_all(messages: Sequence[Message]) -> list[Read]:
    """Read messages, but for those of clients that have no more requests."""
    spent = {
        client: found_spent(REQUESTS, client)
        for client in {message.client for message in messages}
    }
    return [spent[message.client] or _read(message) for message in messages]


def _within_limits(
    messages: Sequence[Message], read: list[Read], left: dict[Room, int]
) -> list[Read]:
    """Refuse what is more than a socket or a client may send: of each its last ones.

    What is no order spends none: it is a request, and so is an order that is refused.
    """
    of_rooms: dict[Room, list[int]] = {}
    for number, one in enumerate(read):
        if isinstance(one, Submission):
            of_rooms.setdefault(messages[number].room, []).append(number)
    for room, numbers in of_rooms.items():
        orders = [cast(Submission, read[number]) for number in numbers]
        for beyond in without_room(orders, left[room]):
            read[numbers[beyond]] = too_many_orders(settings.SOCKET_ORDERS)
    _admit(ORDERS, messages, read, Submission)
    _admit(REQUESTS, messages, read, Problem)
    return read


def _admit(
    kind: str,
    messages: Sequence[Message],
    read: list[Read],
    counted: type[Submission | Problem],
) -> None:
    numbers: dict[str, list[int]] = {}
    for number, one in enumerate(read):
        if isinstance(one, counted):
            numbers.setdefault(messages[number].client, []).append(number)
    for client, of_client in numbers.items():
        admitted, refusal = admit(kind, client, len(of_client))
        if refusal is not None:
            for number in of_client[admitted:]:
                read[number] = refusal


def _read(message: Message) -> Read:
    if message.objection is not None:
        return message.objection
    log_context.answering(message.request_id)
    try:
        members = parse_object(message.text.encode())
        key = members.pop("idempotencyKey", None)
        return read_submission(members, owner_id=message.owner_id, idempotency_key=key)
    except (OperationalError, InterfaceError):
        raise  # each further message would only wait for the same database
    except Exception as error:  # whatever is wrong with one message fails no other
        return problem_of(error, message.request_id)
    finally:
        log_context.answering("")


def problem_of(error: Exception, request_id: str = "") -> Problem:
    """Say what a client is told of an error; log one that nobody expected."""
    problem = as_problem(error)
    if problem is None:
        logger.error(
            "a socket's message failed",
            exc_info=error,
            extra={"request_id": request_id},
        )
        problem = internal_error()
    # A problem that is kept would keep the frames it came through, and with them messages.
    problem.__context__ = None
    return problem.with_traceback(None)
