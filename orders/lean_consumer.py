"""What all sockets have in common: they are counted, and cost no thread."""

from __future__ import annotations

import json
import logging
from functools import cached_property
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer

from .access.addresses import address_of_socket
from .access.gate import count_handshake
from .access.limits import Counted
from .access.open_sockets import Places
from .access.sockets import chosen_subprotocol, key_of_handshake
from .close_codes import CLOSE_PROBLEM, CLOSE_TOO_MANY
from .origins import refusal_of
from .problems import Problem
from .request_ids import HEADER, request_id_of

logger = logging.getLogger(__name__)

_HEADER = HEADER.lower().encode()


class LeanConsumer(AsyncWebsocketConsumer):
    """A consumer with no channel layer and no thread.

    Channels would subscribe once per socket, and refuse every socket while Redis is down:
    the hub subscribes once per process and lives without Redis. And Channels would go to
    a thread at every message, for connections to the database that no socket has.
    """

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        self.base_send = send
        self._address = address_of_socket(scope)
        self._places = Places()
        try:
            while (message := await receive())["type"] != "websocket.disconnect":
                if message["type"] == "websocket.connect":
                    await self.websocket_connect(message)
                else:
                    await self.websocket_receive(message)
        finally:
            self._places.give_back()

    @cached_property
    def request_id(self) -> str:
        """The name of the handshake: that which the client gave it, or a new one."""
        given = (value for name, value in self.scope["headers"] if name == _HEADER)
        return request_id_of(next(given, b"").decode("latin1"))

    async def _enter(self) -> Counted | None:
        """Accept a socket; None for one that is refused, which was told why if it can be."""
        refusal, counted = None, None
        try:
            key = key_of_handshake(self.scope)
            counted = await count_handshake(key, self._address)
        except Problem as problem:
            refusal = problem.with_traceback(None)
        foreign = refusal_of(self.scope)
        if foreign is not None:
            if counted is not None:  # else a flood would be one of log lines, too
                logger.warning(
                    "a socket was refused: %s",
                    foreign.code,
                    extra={"request_id": self.request_id},
                )
            await self.close(CLOSE_PROBLEM + foreign.status)
            return None
        if self._places.is_flooded(self._address):
            await self.close(CLOSE_TOO_MANY)
            return None
        # Accepted before it is checked: a close code reaches only an open socket.
        await self.accept(subprotocol=chosen_subprotocol(self.scope))
        if refusal is not None:
            self._places.refuse(self._address)
            await self._refuse(refusal)
        return counted

    async def _refuse(self, problem: Problem) -> None:
        """Say why to a socket that was accepted, and close it."""
        await self.send(text_data=self._error_text(problem))
        await self.close(CLOSE_PROBLEM + problem.status)

    def _error_text(self, problem: Problem, request_id: str = "") -> str:
        return json.dumps(
            problem.body(
                instance=self.scope["path"], request_id=request_id or self.request_id
            )
        )
