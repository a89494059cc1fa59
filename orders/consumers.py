"""The WebSocket of orders: streams one order, or takes orders and streams them all."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from django.conf import settings

from .access.limits import admit_socket, client_of
from .access.principal import Principal, Scope, authentication_required
from .access.sockets import chosen_subprotocol, principal_of_socket
from .access.tickets import ticket_for
from .feed import Feed
from .hub import current_hub
from .lean_consumer import LeanConsumer
from .origins import EXECUTE_PATH, is_secure, may_connect, socket_host, ws_url
from .parsers import check_size
from .patience import Patience
from .placing import Placement
from .problems import Problem, not_found, order_not_found, too_many_orders
from .socket_intake import problem_of
from .standing import Standing

logger = logging.getLogger(__name__)

CLOSE_DONE = 1000
CLOSE_STALLED = 4408
# Our own server cuts off a client that does not read; others may only let it wait.
SERVER_GRACE_S = 1.0
# Orders of one socket that may wait for their answer; then nothing more is taken from it.
UNANSWERED = 32

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SEQUENCE = re.compile(r"[0-9]{1,9}", re.ASCII)


# What a message is answered with: known already, or still being found out.
Answer = Problem | asyncio.Future[Placement | Problem]


class OrderConsumer(LeanConsumer):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._tell = send  # without what Channels puts around it
        self._feed = Feed()
        self._hub = current_hub()
        self._watches = False
        self._principal: Principal | None = None  # until it is known
        self._sender: asyncio.Task[None] | None = None
        # Only a socket that sends something has these.
        self._answers: asyncio.Queue[Answer] | None = None
        self._answering: asyncio.Task[None] | None = None
        self._unanswered = 0  # orders among them
        self._patience = Patience(settings.SOCKET_STALL_S + SERVER_GRACE_S)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._hub.unsubscribe(self._feed)
            self._patience.end()
            for task in (self._sender, self._answering):
                if task is not None:
                    task.cancel()

    async def connect(self) -> None:
        if not may_connect(self.scope):
            logger.warning("a socket from a foreign origin or host was refused")
            await self.close()
            return
        if self._places.is_flooded(self._address):
            await self.close()
            return
        # Accepted before it is checked: a close code reaches only an open socket.
        await self.accept(subprotocol=chosen_subprotocol(self.scope))
        try:
            await self._start()
        except Exception as error:
            await self._refuse(problem_of(error))

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None
    ) -> None:
        if self._answers is None:
            self._answers = asyncio.Queue(UNANSWERED)
            self._answering = asyncio.create_task(self._answer_in_turn(self._answers))
        await self._answers.put(self._asked(text_data))

    def _asked(self, text: str | None) -> Answer:
        if self._watches:
            return Problem(
                400,
                "unexpected_message",
                "This socket streams one order; open one without orderId to place "
                "orders.",
            )
        if self._principal is None:  # it was refused, and may not have heard of it yet
            return authentication_required()
        if text is None:
            return Problem(400, "binary_message", "Send orders as text messages.")
        try:
            check_size(len(text))
        except Problem as problem:
            return problem.with_traceback(None)
        if self._has_enough():
            return too_many_orders(settings.SOCKET_ORDERS)
        self._unanswered += 1
        client = client_of(self._principal, self._address)
        return self._hub.placements.ask(client, self._principal.owner_id, text)

    def _has_enough(self) -> bool:
        """Say whether the socket has as many open orders as it may have."""
        followed = len(self._feed.cursors) + self._unanswered
        return 0 < settings.SOCKET_ORDERS <= followed

    async def _answer_in_turn(self, answers: asyncio.Queue[Answer]) -> None:
        while True:
            answer = await answers.get()
            try:
                result = await answer if isinstance(answer, asyncio.Future) else answer
                if isinstance(result, Placement):
                    await self._accept(result)
            except Exception as error:
                result = problem_of(error)
            if isinstance(answer, asyncio.Future):
                self._unanswered -= 1
            if isinstance(result, Problem):
                await self._feed.reply(self._error_text(result))

    async def _start(self) -> None:
        self._places.take_of_address(self._address)
        order_id, after, ticket = _wanted(self.scope["query_string"])
        self._watches = order_id is not None
        principal = await principal_of_socket(self.scope, order_id, ticket)
        principal.require(Scope.READ if self._watches else Scope.TRADE)
        self._places.take_of_key(principal.key_id, self._address)
        await admit_socket(client_of(principal, self._address))
        self._principal = principal
        if order_id is not None:
            standing = await self._hub.standings.read(principal.owner_id, order_id)
            if _is_over(standing, order_id, after):
                await self.close(CLOSE_DONE)
                return
            self._hub.subscribe(self._feed, order_id, after)
        self._sender = asyncio.create_task(self._send_frames())

    async def _accept(self, placement: Placement) -> None:
        assert self._principal is not None  # it placed the order
        address = ws_url(
            placement.order_id,
            host=socket_host(self.scope),
            secure=is_secure(self.scope),
            ticket=ticket_for(placement.order_id, self._principal),
        )
        accepted = {"orderId": str(placement.order_id), "wsUrl": address}
        await self._feed.reply(json.dumps(accepted))
        self._hub.subscribe(self._feed, placement.order_id, after=0)

    async def _send_frames(self) -> None:
        while True:
            frame = await self._feed.take()
            try:
                with self._patience:
                    await self._tell({"type": "websocket.send", "text": frame.text})
            except TimeoutError:
                await self.close(CLOSE_STALLED)
                return
            if frame.ends_order and self._watches:
                await self.close(CLOSE_DONE)
                return
            if self._feed.may_resume:
                self._hub.resume(self._feed)


class NowhereConsumer(LeanConsumer):
    """Says that nothing is at this path, as a GET there would."""

    async def connect(self) -> None:
        if self._places.is_flooded(self._address):
            await self.close()
            return
        await self.accept()
        try:
            self._places.take_of_address(self._address)
        except Problem as problem:
            await self._refuse(problem)
        else:
            where = f"Sockets open at {EXECUTE_PATH}, without a slash after it."
            await self._refuse(not_found(where))


def _wanted(query_string: bytes) -> tuple[UUID | None, int, str | None]:
    """Read `orderId`, `after` and `ticket` from a query string; raises Problem."""
    try:
        query = parse_qs(
            query_string.decode(), keep_blank_values=True, max_num_fields=10
        )
    except ValueError:
        raise Problem(400, "bad_request", "The query string is malformed.") from None
    unknown = sorted(set(query) - {"orderId", "after", "ticket"})
    if unknown:
        raise Problem(
            400,
            "unknown_parameter",
            f"There is no parameter {unknown[0][:64]!r}: only orderId, after and "
            "ticket.",
        )
    order_ids = query.get("orderId", [])
    afters = query.get("after", ["0"])
    if len(order_ids) > 1 or not all(map(_UUID.fullmatch, order_ids)):
        raise Problem(400, "invalid_order_id", "orderId must be one UUID.")
    if len(afters) > 1 or not _SEQUENCE.fullmatch(afters[0]):
        raise Problem(400, "invalid_after", "after must be one sequence number.")
    tickets = query.get("ticket", [])
    if len(tickets) > 1:
        raise Problem(400, "repeated_parameter", "ticket must be given once.")
    if not order_ids:
        for name in ("after", "ticket"):
            if name in query:
                detail = f"{name} needs the orderId that it belongs to."
                raise Problem(400, "missing_order_id", detail)
        return None, 0, None
    return UUID(order_ids[0]), int(afters[0]), tickets[0] if tickets else None


def _is_over(standing: Standing | None, order_id: UUID, after: int) -> bool:
    """Say whether nothing is to come after `after`; raises Problem for a wrong one."""
    if standing is None:
        raise order_not_found(order_id)
    if after > standing.last_sequence:
        raise Problem(
            400,
            "invalid_after",
            f"The order has {standing.last_sequence} events so far.",
        )
    return standing.is_closed and after == standing.last_sequence
