"""Orders that come over sockets: what comes at the same moment is stored together.

Each message would otherwise cost a turn of a thread, a transaction and a COMMIT.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import NamedTuple

from django.db import InterfaceError, OperationalError

from dex import log_context
from dex.gathered import Gathered

from .access.limits import admit_orders
from .inputs import read_submission
from .parsers import parse_object
from .placing import place_orders
from .problems import Problem, as_problem, internal_error
from .submissions import Placement, Submission
from .threads import in_thread

logger = logging.getLogger(__name__)


class Message(NamedTuple):
    """What came over a socket, with whose limit counts, and its name in the logs."""

    client: str
    owner_id: int
    text: str
    request_id: str = ""


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
    return await in_thread(_place, messages)


def _place(messages: Sequence[Message]) -> list[Placement | Problem]:
    refused = _above_limits(messages)
    read = [
        refused.get(number) or _read(message) for number, message in enumerate(messages)
    ]
    placed = iter(place_orders([one for one in read if isinstance(one, Submission)]))
    results = [next(placed) if isinstance(one, Submission) else one for one in read]
    return [
        problem_of(result, message.request_id)
        if isinstance(result, Exception)
        else result
        for message, result in zip(messages, results, strict=True)
    ]


def _above_limits(messages: Sequence[Message]) -> dict[int, Problem]:
    """Say which messages are more than their clients may send: of each its last ones."""
    numbers: dict[str, list[int]] = {}
    for number, message in enumerate(messages):
        numbers.setdefault(message.client, []).append(number)
    refused = {}
    for client, of_client in numbers.items():
        admitted, problem = admit_orders(client, len(of_client))
        if problem is not None:
            refused.update(dict.fromkeys(of_client[admitted:], problem))
    return refused


def _read(message: Message) -> Submission | Problem:
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
