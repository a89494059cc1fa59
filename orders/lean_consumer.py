"""What all sockets have in common: they are counted, and cost no thread."""

from __future__ import annotations

import json
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer

from .access.addresses import address_of_socket
from .access.open_sockets import Places
from .close_codes import CLOSE_PROBLEM
from .problems import Problem


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

    async def _refuse(self, problem: Problem) -> None:
        """Say why to a socket that was accepted, and close it."""
        await self.send(text_data=self._error_text(problem))
        await self.close(CLOSE_PROBLEM + problem.status)

    def _error_text(self, problem: Problem) -> str:
        return json.dumps(problem.body(instance=self.scope["path"]))
