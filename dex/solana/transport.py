"""JSON over HTTP to one URL, which is never shown: it may contain an API key."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from yarl import URL

from dex.errors import RpcRateLimited, RpcUnavailable

from .documents import read_document

# Loaded by the first post: it takes a tenth of a start, and many processes never post.
if TYPE_CHECKING:
    import aiohttp

# Both gzip and zlib, told apart by their headers (documentation of zlib.decompressobj).
ANY_WBITS = 47


def endpoint_name(url: URL) -> str:
    """Return the host and port, which tell one endpoint from another."""
    return f"{url.host}:{url.port}"


class Transport:
    """Posts JSON over kept connections, with a time limit and a size limit.

    `name` is the host and port; `opened` counts the connections opened so far.
    """

    def __init__(
        self, url: URL, *, timeout_s: float, connections: int, max_answer_bytes: int
    ) -> None:
        self.name = endpoint_name(url)
        self.opened = 0
        self._url = url
        self._timeout_s = timeout_s
        self._connections = connections
        self._max_answer_bytes = max_answer_bytes
        self._session: aiohttp.ClientSession | None = None

    async def post(self, bodies: Sequence[Any]) -> Any:
        """Post one call, or several as a batch; return the JSON document of the answer.

        Raises RpcUnavailable for everything that is not a whole answer with status 200,
        RpcRateLimited for status 429.
        """
        import aiohttp

        try:
            async with self._open_session().post(
                self._url,
                json=bodies if len(bodies) > 1 else bodies[0],
                allow_redirects=False,
            ) as response:
                if response.status == 429:
                    raise self._rate_limited(response)
                if response.status != 200:
                    raise self.unavailable(f"HTTP status {response.status}")
                raw = await self._read(response)
                return read_document(raw, calls=len(bodies))
        except TimeoutError:
            raise self.unavailable(f"no answer within {self._timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            # `from None`: the text of the original may show the URL with its key.
            raise self.unavailable(_in_words(error)) from None
        except (ValueError, RecursionError, zlib.error):
            raise self.unavailable("the answer is not JSON") from None

    def unavailable(self, reason: str) -> RpcUnavailable:
        """Make the error that names this endpoint and the reason."""
        return RpcUnavailable(f"{self.name}: {reason}")

    async def close(self) -> None:
        """Close the connections; the next post opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        raw = bytearray()
        async for chunk in response.content.iter_any():
            raw += chunk
            self._check_length(len(raw))
        if response.headers.get("Content-Encoding") not in ("gzip", "deflate"):
            return bytes(raw)
        unpacker = zlib.decompressobj(ANY_WBITS)
        document = unpacker.decompress(raw, self._max_answer_bytes + 1)
        self._check_length(len(document))
        return document

    def _check_length(self, length: int) -> None:
        if length > self._max_answer_bytes:
            raise self.unavailable(
                f"the answer is longer than {self._max_answer_bytes} bytes"
            )

    def _rate_limited(self, response: aiohttp.ClientResponse) -> RpcRateLimited:
        # A date is allowed, too (RFC 9110, 10.2.3), but no provider is known to send it.
        wanted = response.headers.get("Retry-After", "")
        retry_after_s = int(wanted) if wanted.isdecimal() and len(wanted) < 10 else 0
        return RpcRateLimited(f"{self.name}: HTTP status 429", retry_after_s)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            import aiohttp

            trace = aiohttp.TraceConfig()
            trace.on_connection_create_end.append(self._count_connection)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections),
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept-Encoding": "gzip, deflate"},
                # A few bytes can unpack to gigabytes: `_read` unpacks with a limit.
                auto_decompress=False,
                trace_configs=[trace],
            )
        return self._session

    async def _count_connection(self, *_: object) -> None:
        self.opened += 1


def _in_words(error: Exception) -> str:
    """Say what became of a connection, without its URL, which may hold a key."""
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is not known; check the URL"
    if isinstance(error, aiohttp.ClientSSLError):
        return "its TLS certificate is not accepted"
    if isinstance(error, aiohttp.ClientConnectorError):
        code = error.os_error.errno
        return f"no connection ({os.strerror(code) if code else 'refused'})"
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionError):
        return "the connection was cut"
    return type(error).__name__
