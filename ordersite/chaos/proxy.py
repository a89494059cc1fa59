"""A TCP proxy that can stall, reset, or cut its connections after some bytes.

It stands between the engine and a node of localnet. Connections that come while it stalls
are accepted, as a stalled server's kernel would, and say nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable

CHUNK_BYTES = 16 * 1024
# On close the kernel sends a reset instead of what is left.
LINGER_NOT = struct.pack("ii", 1, 0)


class Proxy:
    """Carries TCP connections to a port of this machine that is asked for each time."""

    def __init__(self, upstream: Callable[[], int]) -> None:
        self._upstream = upstream
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._cut_after: int | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._clients: set[asyncio.StreamWriter] = set()

    async def start(self) -> int:
        """Listen on a free port and return it."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def stall(self) -> None:
        """Carry nothing more, in either direction, until `flow`."""
        self._flowing.clear()

    def cut_after(self, size: int) -> None:
        """End each connection, without a word, so many bytes into its next answer."""
        self._cut_after = size

    def flow(self) -> None:
        """Carry everything again."""
        self._cut_after = None
        self._flowing.set()

    def reset(self) -> int:
        """Reset every connection; return how many there were."""
        struck = list(self._clients)
        for writer in struck:
            _reset(writer)
        for task in list(self._open):
            task.cancel()
        return len(struck)

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self._clients.add(writer)
        try:
            await self._carry(reader, writer)
        except asyncio.CancelledError:
            pass  # by reset() and stop(): the connection's end, and nobody else's
        finally:
            self._open.discard(task)
            self._clients.discard(writer)
            writer.close()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await self._flowing.wait()
        try:
            answers, up = await asyncio.open_connection("127.0.0.1", self._upstream())
        except OSError:
            return  # closed at once: all that a proxy can say
        try:
            pumps = {
                asyncio.create_task(self._pump(reader, up, is_answer=False)),
                asyncio.create_task(self._pump(answers, writer, is_answer=True)),
            }
            try:
                # As soon as one side ends the other is of no use to a client of HTTP.
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            up.close()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        is_answer: bool,
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(CHUNK_BYTES):
                await self._flowing.wait()
                if is_answer and self._cut_after is not None:
                    writer.write(data[: self._cut_after])
                    return
                writer.write(data)
                await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
    writer.transport.abort()
