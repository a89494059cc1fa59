"""A client that speaks to a web process byte by byte."""

from __future__ import annotations

import base64
import json
import select
import socket
from typing import Any

HOST = b"Host: localhost\r\n"


class Wire:
    """One TCP connection, spoken to byte by byte."""

    def __init__(self, port: int) -> None:
        # The listening socket is open before daphne is: it answers as soon as it can.
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._received = b""

    def close(self) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def read(self, size: int) -> bytes:
        while len(self._received) < size:
            data = self._socket.recv(65_536)
            assert data, "the server closed the connection"
            self._received += data
        read, self._received = self._received[:size], self._received[size:]
        return read

    def head(self) -> bytes:
        while b"\r\n\r\n" not in self._received:
            self._received += self.read_more()
        return self.read(self._received.index(b"\r\n\r\n") + 4)

    def read_more(self) -> bytes:
        data = self._socket.recv(65_536)
        assert data, "the server closed the connection"
        return data

    def waits(self, seconds: float) -> bool:
        """Say whether something to read comes within so long."""
        waiting = select.poll()
        waiting.register(self._socket, select.POLLIN)
        return bool(self._received or waiting.poll(seconds * 1000))

    def frame(self) -> tuple[int, bytes]:
        """Return opcode and payload of one frame of the server."""
        first, length = self.read(2)
        if length == 126:
            length = int.from_bytes(self.read(2), "big")
        return first & 0x0F, self.read(length)

    def event(self) -> dict[str, Any]:
        opcode, payload = self.frame()
        assert opcode == 1, (opcode, payload)
        return dict(json.loads(payload))


def post(body: str, headers: bytes = b"") -> bytes:
    return (
        b"POST /api/orders/execute HTTP/1.1\r\n"
        + HOST
        + headers
        + b"Content-Type: application/json\r\n"
        + f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
    )


def upgrade(query: str = "", headers: bytes = b"") -> bytes:
    key = base64.b64encode(bytes(16))
    return (
        f"GET /api/orders/execute{query} HTTP/1.1\r\n".encode()
        + HOST
        + headers
        + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        + b"Sec-WebSocket-Key: "
        + key
        + b"\r\n\r\n"
    )


def answer(wire: Wire) -> tuple[int, dict[str, Any]]:
    head = wire.head().decode().lower()
    length = int(head.split("content-length: ")[1].split("\r\n")[0])
    return int(head.split(" ")[1]), dict(json.loads(wire.read(length)))


def head_of(method: str, path: str, *lines: str) -> bytes:
    text = "\r\n".join([f"{method} {path} HTTP/1.1", *lines])
    return text.encode() + b"\r\n" + HOST + b"\r\n"


def text_frame(text: str) -> bytes:
    return client_frame(0x1, text.encode())


def client_frame(
    opcode: int, payload: bytes, *, last: bool = True, rsv: int = 0
) -> bytes:
    """Return a frame of a client; a mask of zeros changes nothing."""
    if len(payload) < 126:
        size = bytes([0x80 | len(payload)])
    elif len(payload) < 65_536:
        size = b"\xfe" + len(payload).to_bytes(2, "big")
    else:
        size = b"\xff" + len(payload).to_bytes(8, "big")
    return bytes([0x80 * last | rsv | opcode]) + size + bytes(4) + payload
