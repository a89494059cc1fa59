"""A client of a real web process that reads nothing, and fills its buffers."""

from __future__ import annotations

import base64
import select
import socket
from typing import Self

from .web import PATH, TIMEOUT_S, WebProcess


class SilentClient:
    """Opens a WebSocket, reads the answer to its handshake, and then nothing more."""

    def __init__(self, web: WebProcess, query: str = "") -> None:
        self._connect(web)
        self._open(query)

    @classmethod
    def of_requests(cls, web: WebProcess) -> Self:
        """Return one that only connects, to send requests whose answers it never reads."""
        client = cls.__new__(cls)
        client._connect(web)
        return client

    def _connect(self, web: WebProcess) -> None:
        self._socket = socket.socket()
        # So that the kernel takes little for a client that takes nothing.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.settimeout(TIMEOUT_S)
        self._socket.connect(("127.0.0.1", web.port))
        self.port: int = self._socket.getsockname()[1]

    def _open(self, query: str) -> None:
        key = base64.b64encode(bytes(16)).decode()
        self.send(
            f"GET {PATH}{query} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        head = b""
        while b"\r\n\r\n" not in head:
            byte = self._socket.recv(1)
            assert byte, head
            head += byte
        assert head.startswith(b"HTTP/1.1 101 "), head

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def send_until_refused(self, data: bytes, limit_bytes: int) -> int:
        """Send `data` again and again until nobody takes it; return the bytes taken."""
        self._socket.settimeout(1.0)
        taken = 0
        try:
            while taken < limit_bytes:
                taken += self._socket.send(data)
        except (TimeoutError, ConnectionError):
            pass
        self._socket.settimeout(TIMEOUT_S)
        return taken

    def wait_until_cut_off(self) -> None:
        """Wait without reading until the server resets the connection."""
        waiting = select.poll()
        waiting.register(self._socket, 0)  # POLLERR and POLLHUP alone
        assert waiting.poll(TIMEOUT_S * 1000), "the connection is still open"

    def close(self) -> None:
        self._socket.close()
