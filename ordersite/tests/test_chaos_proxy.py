"""The proxy: what it carries, and how it stalls, resets and cuts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from ordersite.chaos.proxy import Proxy

LONG = b"x" * 60_000  # more than the proxy takes at once


@dataclass
class Line:
    """A proxy before a server that answers each line with itself."""

    proxy: Proxy
    port: int
    heard: asyncio.Queue[bytes]

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while text := await reader.readline():
            heard.put_nowait(text)
            writer.write(text)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    upstream = server.sockets[0].getsockname()[1]
    proxy = Proxy(lambda: upstream)
    yield Line(proxy, await proxy.start(), heard)
    await proxy.stop()
    server.close()


async def say(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: bytes
) -> bytes:
    writer.write(text + b"\n")
    async with asyncio.timeout(5):
        return await reader.readline()


async def test_what_is_said_comes_through_unchanged(line: Line):
    reader, writer = await line.connect()
    for text in (b"one", LONG):
        assert await say(reader, writer, text) == text + b"\n"
    writer.close()


async def test_nothing_moves_while_it_stalls_and_all_of_it_afterwards(line: Line):
    reader, writer = await line.connect()
    await say(reader, writer, b"one")
    line.heard.get_nowait()

    line.proxy.stall()
    writer.write(b"two\n")
    late_reader, late_writer = await line.connect()  # as a stalled server's kernel does
    late_writer.write(b"three\n")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await line.heard.get()

    line.proxy.flow()
    async with asyncio.timeout(5):
        assert await reader.readline() == b"two\n"
        assert await late_reader.readline() == b"three\n"
    writer.close()
    late_writer.close()


async def test_a_reset_breaks_every_connection_and_new_ones_work(line: Line):
    first, second = await line.connect(), await line.connect()
    for connection in (first, second):
        await say(*connection, b"one")

    assert line.proxy.reset() == 2

    for reader, writer in (first, second):
        with pytest.raises(ConnectionResetError):
            async with asyncio.timeout(5):
                await reader.read()
        writer.close()
    reader, writer = await line.connect()
    assert await say(reader, writer, b"two") == b"two\n"
    writer.close()


async def test_an_answer_is_cut_in_its_middle_without_an_error(line: Line):
    line.proxy.cut_after(3)
    reader, writer = await line.connect()
    writer.write(b"a long answer\n")
    async with asyncio.timeout(5):
        assert await reader.read() == b"a l"
    writer.close()

    line.proxy.flow()
    reader, writer = await line.connect()
    assert await say(reader, writer, b"whole") == b"whole\n"
    writer.close()


async def test_a_server_that_is_down_is_a_closed_connection(line: Line):
    proxy = Proxy(lambda: 1)
    reader, writer = await asyncio.open_connection("127.0.0.1", await proxy.start())
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    await proxy.stop()
