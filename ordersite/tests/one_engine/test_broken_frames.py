"""Frames that no WebSocket may send: the connection ends without a word."""

from __future__ import annotations

import pytest
import websockets

from ordersite.tests.engine import RunningEngine

# Masked with zeros, which changes nothing. Source: RFC 6455, sections 5.2 and 5.5.
MASK = bytes(4)
BROKEN = {
    "not masked": b"\x81\x02{}",
    "an RSV bit": b"\xc1\x82" + MASK + b"{}",
    "no UTF-8": b"\x81\x82" + MASK + b"\xff\xfe",
    "a ping of 126 bytes": b"\x89\xfe\x00\x7e" + MASK + bytes(126),
    "a ping in parts": b"\x09\x81" + MASK + b"x",
    "an unknown opcode": b"\x83\x81" + MASK + b"x",
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_a_frame_that_breaks_the_protocol_ends_the_socket_without_an_answer(
    running_engine: RunningEngine, broken: bytes
):
    address = running_engine.url.replace("http", "ws") + "/api/orders/execute"
    key = {"Authorization": f"Bearer {running_engine.key}"}
    async with websockets.connect(address, additional_headers=key) as socket:
        socket.transport.write(broken)
        with pytest.raises(websockets.ConnectionClosedError) as closed:
            await socket.recv()

        assert closed.value.rcvd is None
        assert socket.close_code == 1006
