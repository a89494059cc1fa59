"""Django's ASGI handler on a fixed number of threads that each keep their connection.

Django's own handler gives each request a thread of its own and takes it to the event loop
and back several times. Here one call in one thread does all that a request needs, from
`request_started` to the last byte of its answer; requests beyond the number of threads
wait in line. A thread lives as long as the process, so CONN_MAX_AGE means what it says.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

# Each keeps a connection. More would serve no more orders, for Python runs one thread at a
# time; these are for the requests that wait, such as those for quotes.
REQUESTS_AT_ONCE = 12

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a thread made of a request; `parts` only of an answer that is streamed."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    parts: Iterator[bytes] | None
    response: HttpResponseBase


class PooledHandler(ASGIHandler):
    """Answers REQUESTS_AT_ONCE requests at a time, middleware and view in one call."""

    def __init__(self) -> None:
        super().__init__()
        self._threads = ThreadPoolExecutor(
            REQUESTS_AT_ONCE, thread_name_prefix="request"
        )

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        try:
            body = await _read(receive)
        except RequestAborted:
            return
        # Cancelled, as when the client has left, it takes no thread if it has none yet.
        work = self._threads.submit(self._answer, scope, body)
        try:
            answer = await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            work.add_done_callback(_close)
            raise
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": answer.headers,
            }
        )
        if answer.parts is not None:
            await self._stream(answer, answer.parts, receive, send)
        await send({"type": "http.response.body", "body": answer.body})

    def _answer(self, scope: dict[str, Any], body: io.BytesIO) -> Answer:
        """Answer one request; runs in a thread of the pool."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, refusal = self.create_request(scope, body)
        response: Any = refusal if request is None else self.get_response(request)
        response._handler_class = self.__class__
        headers = _headers(response)
        if response.streaming:
            if isinstance(response, FileResponse):
                response.block_size = self.chunk_size
            parts = iter(response)
            return Answer(response.status_code, headers, b"", parts, response)
        content = response.content
        response.close()  # the request is over: `request_finished`
        return Answer(response.status_code, headers, content, None, response)

    async def _stream(
        self, answer: Answer, parts: Iterator[bytes], receive: Receive, send: Send
    ) -> None:
        """Send part by part; between two of them, and to a slow client, no thread waits.

        The parts may come from different threads.
        """
        loop = asyncio.get_running_loop()
        left = loop.create_task(_has_left(receive))
        try:
            while not left.done():
                part = await loop.run_in_executor(self._threads, next, parts, None)
                if part is None:
                    break
                await send(
                    {"type": "http.response.body", "body": part, "more_body": True}
                )
        finally:
            left.cancel()
            self._threads.submit(answer.response.close)


async def _read(receive: Receive) -> io.BytesIO:
    """Return the whole body, which the server bounds. Raises RequestAborted."""
    message = await receive()
    body = io.BytesIO(message.get("body", b""))
    body.seek(0, io.SEEK_END)
    while message.get("more_body"):
        message = await receive()
        body.write(message.get("body", b""))
    if message["type"] == "http.disconnect":
        raise RequestAborted
    body.seek(0)
    return body


async def _has_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _headers(response: Any) -> list[tuple[bytes, bytes]]:
    headers = [
        (name.encode("ascii"), value.encode("latin1"))
        for name, value in response.items()
    ]
    cookies = (cookie.output(header="").strip() for cookie in response.cookies.values())
    return headers + [(b"Set-Cookie", cookie.encode("ascii")) for cookie in cookies]


def _close(work: Future[Answer]) -> None:
    """Close what nobody waits for any more, in the thread that made it."""
    if not work.cancelled() and work.exception() is None:
        work.result().response.close()
