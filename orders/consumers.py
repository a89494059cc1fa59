"""The WebSocket of orders: streams one order, or takes orders and streams them all."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from django.conf import settings

from .access.limits import Counted, admit_socket, client_of
from .access.principal import Principal, Scope, authentication_required, right_lost
from .access.sockets import opener_of
from .access.tickets import ticket_for
from .access.watch import Right
from .close_codes import CLOSE_DONE, CLOSE_PROBLEM, CLOSE_STALLED
from .feed import Feed
from .hub import current_hub
from .lean_consumer import LeanConsumer
from .origins import EXECUTE_PATH, is_secure, socket_host, ws_url
from .parsers import check_size
from .patience import Patience
from .problems import Problem, not_found
from .socket_intake import Message, problem_of
from .socket_query import is_over, wanted
from .socket_room import Room
from .submissions import Placement

# Our own server cuts off a client that does not read; others may only let it wait.
SERVER_GRACE_S = 1.0
# What a client that lost its right and does not read may take to hear of it.
FAREWELL_S = 0.3
# Orders of one socket that may wait for their answer; then nothing more is taken from it.
UNANSWERED = 32

# What a message is answered with: known already, or still being found out.
Answer = Problem | asyncio.Future[Placement | Problem]


class OrderConsumer(LeanConsumer):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._tell = send  # without what Channels puts around it
        self._feed = Feed()
        self._hub = current_hub()
        self._watches = False
        self._needs_read = False  # a ticket lets its order be followed without
        self._right: Right | None = None  # until it is known whose socket it is
        self._is_dismissed = False
        self._sender: asyncio.Task[None] | None = None
        # Only a socket that sends something has these.
        self._messages = 0
        # Each with the name of its message in the logs.
        self._answers: asyncio.Queue[tuple[str, Answer]] | None = None
        self._answering: asyncio.Task[None] | None = None
        self._room = Room(self._feed)
        self._patience = Patience(settings.SOCKET_STALL_S + SERVER_GRACE_S)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._stop()
            self._patience.end()
            if self._right is not None:
                self._right.leave(self)

    async def connect(self) -> None:
        if (counted := await self._enter()) is None:
            return
        try:
            await self._start(counted)
        except Exception as error:
            await self._refuse(problem_of(error, self.request_id))

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None
    ) -> None:
        if self._is_dismissed or self._right is None:
            return  # it was refused, and may not have heard of it yet
        if self._answers is None:
            self._answers = asyncio.Queue(UNANSWERED)
            self._answering = asyncio.create_task(self._answer_in_turn(self._answers))
        self._messages += 1
        name = f"{self.request_id}.{self._messages}"
        await self._answers.put((name, self._asked(text_data, name)))

    def _asked(self, text: str | None, request_id: str) -> Answer:
        assert self._right is not None  # else receive() took nothing
        principal = self._right.principal
        if principal is None:  # it lost its right, and may not have heard of it yet
            return authentication_required()
        objection = self._objection(principal, text)
        return self._hub.placements.ask(
            Message(
                client_of(principal, self._address),
                principal.owner_id,
                "" if objection or text is None else text,
                self._room,
                request_id,
                objection,
            )
        )

    def _objection(self, principal: Principal, text: str | None) -> Problem | None:
        """Return why a message places no order, as far as that shows without reading it."""
        if self._watches:
            return unexpected_message()
        if text is None:
            return binary_message()
        try:
            principal.require(Scope.TRADE)
            check_size(len(text))
        except Problem as problem:
            return problem.with_traceback(None)
        return None

    async def _answer_in_turn(self, answers: asyncio.Queue[tuple[str, Answer]]) -> None:
        while True:
            name, answer = await answers.get()
            try:
                result = await answer if isinstance(answer, asyncio.Future) else answer
                if isinstance(result, Placement):
                    await self._accept(result, name)
            except Exception as error:
                result = problem_of(error, name)
            if isinstance(result, Problem):
                await self._feed.reply(self._error_text(result, name))

    async def _start(self, counted: Counted) -> None:
        self._places.take_of_address(self._address)
        order_id, after, ticket = wanted(self.scope["query_string"])
        self._watches = order_id is not None
        principal, has_ticket = await opener_of(self.scope, order_id, ticket)
        if not has_ticket:
            principal.require(Scope.READ if self._watches else Scope.TRADE)
        self._needs_read = self._watches and not has_ticket
        self._places.take_of_key(principal.key_id, self._address)
        if (client := client_of(principal, self._address)) != counted.who:
            await admit_socket(client)
        # A ticket proves that its order is there, and whose it is.
        if order_id is not None and not (has_ticket and after == 0):
            standing = await self._hub.standings.read(principal.owner_id, order_id)
            if is_over(standing, order_id, after):
                await self.close(CLOSE_DONE)
                return
        # Nothing is waited for from here on: what changes finds the socket whole.
        self._right = self._hub.rights.enter(principal, self)
        if order_id is not None:
            self._hub.subscribe(self._feed, order_id, after)
        self._sender = asyncio.create_task(self._send_frames())

    def rights_changed(self) -> None:
        """Called by the watch: go on, or tell at once that this socket may no more."""
        assert self._right is not None
        principal = self._right.principal
        if principal is None or (
            self._needs_read and Scope.READ not in principal.scopes
        ):
            self._stop()
            self._is_dismissed = True
            self._sender = asyncio.create_task(self._dismiss(right_lost()))

    async def _dismiss(self, problem: Problem) -> None:
        # What waits for a slow reader is not sent any more, and this does not wait for it.
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                text = self._error_text(problem)
                await self._tell({"type": "websocket.send", "text": text})
        await self.close(CLOSE_PROBLEM + problem.status)

    def _stop(self) -> None:
        """Hear of no order any more, and send nothing."""
        self._hub.unsubscribe(self._feed)
        for task in (self._sender, self._answering):
            if task is not None:
                task.cancel()

    async def _accept(self, placement: Placement, request_id: str) -> None:
        assert self._right is not None  # it placed the order
        principal = self._right.principal
        address = ws_url(
            placement.order_id,
            host=socket_host(self.scope),
            secure=is_secure(self.scope),
            ticket=ticket_for(placement.order_id, principal) if principal else "",
        )
        accepted = {
            "orderId": str(placement.order_id),
            "wsUrl": address,
            "requestId": request_id,
        }
        await self._feed.reply(json.dumps(accepted))
        self._hub.subscribe(self._feed, placement.order_id, after=0)
        if placement.created:
            self._room.follow()

    async def _send_frames(self) -> None:
        await self._send_until_closed()
        # What was read of this socket is still placed, although nobody hears the answers.
        while True:
            await self._feed.take()

    async def _send_until_closed(self) -> None:
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


def unexpected_message() -> Problem:
    """The problem of a message on a socket that takes none."""
    return Problem(
        400,
        "unexpected_message",
        "This socket streams one order; open one without orderId to place orders.",
    )


def binary_message() -> Problem:
    """The problem of a message that is not text."""
    return Problem(400, "binary_message", "Send orders as text messages.")


class NowhereConsumer(LeanConsumer):
    """Says that nothing is at this path, as a GET there would."""

    async def connect(self) -> None:
        if await self._enter() is None:
            return
        try:
            self._places.take_of_address(self._address)
        except Problem as problem:
            await self._refuse(problem)
        else:
            where = f"Sockets open at {EXECUTE_PATH}, without a slash after it."
            await self._refuse(not_found(where))
