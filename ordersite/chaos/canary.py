"""Looks for the installation's secrets where none may be: logs, Redis, answers, frames.

Everything that a run leaves is searched, in each spelling that a secret could have: files
(logs, Valkey's log of writes, PostgreSQL's tables and WAL, localnet's ledger), keys and
values in Redis, and what clients were told.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from redis import Redis
from solders.keypair import Keypair

from .verdict import Violation

# The files of an installation that hold a secret because they are there for it.
HOLDERS = ("wallet.json", "secret_key", "admin_password", "development_key")
CHUNK_BYTES = 16 * 1024 * 1024
OVERLAP_BYTES = 512  # longer than any spelling

Spellings = Mapping[bytes, str]


class Canary:
    """The secrets of one run: those of its installation, and a key that is sent to it."""

    def __init__(self, var_dir: Path, redis_url: str, port: int) -> None:
        self._folder = var_dir.parent  # the run's own, with its console
        self._redis_url = redis_url
        self._port = port
        self._key = f"dex_canary00_{secrets.token_urlsafe(32)}"
        self._wanted = spellings(var_dir, [self._key])
        self._answers: list[str] = []

    def probe(self) -> None:
        """Send requests that carry the key and go wrong; keep what is answered."""
        self._answers += probe(self._port, self._key)

    def shown(self, frames: Iterable[Mapping[str, Any]]) -> Iterator[Violation]:
        """Search all that the run left; its Valkey still runs."""
        wanted = self._wanted
        yield from in_files(self._folder, wanted)
        with Redis.from_url(self._redis_url) as redis:
            yield from in_redis(redis, wanted)
        yield from in_texts(self._answers, "an answer", wanted)
        yield from in_texts(map(json.dumps, frames), "a frame", wanted)

    def __str__(self) -> str:
        names = ", ".join(sorted(set(self._wanted.values())))
        return (
            f"{names}: looked for in {len(self._wanted)} spellings in all files, in "
            f"Redis, in frames and in {len(self._answers)} answers to bad requests"
        )


def spellings(var_dir: Path, api_keys: Iterable[str] = ()) -> Spellings:
    """Return each spelling of each secret of an installation, with the secret's name."""
    found: dict[bytes, str] = {}
    for name in HOLDERS:
        path = var_dir / name
        if path.exists():
            text = path.read_text().strip()
            written = of_keypair(text) if name == "wallet.json" else of_text(text)
            found |= dict.fromkeys(written, name)
    for key in api_keys:
        found |= dict.fromkeys(of_text(key), "an API key")
    return found


def of_keypair(text: str) -> set[bytes]:
    """Return how a keypair, given as a file of the Solana CLI, could be written."""
    numbers = json.loads(text)
    whole = bytes(numbers)
    seed = whole[:32]
    written = {
        str(Keypair.from_bytes(whole)),
        *(part.hex() for part in (whole, seed)),
        *(base64.b64encode(part).decode().rstrip("=") for part in (whole, seed)),
        # A part is enough: what is cut off shows the beginning.
        *(join.join(map(str, numbers[:16])) for join in (",", ", ")),
    }
    return {one.encode() for one in written} | {seed}


def of_text(text: str) -> set[bytes]:
    """Return how a secret text could be written; of an API key its secret part, too."""
    prefix = re.match(r"dex_[a-z0-9]{8}_", text)
    secret = text[prefix.end() :] if prefix else text
    return {
        secret.encode(),
        secret.encode().hex().encode(),
        base64.b64encode(text.encode()).rstrip(b"="),
    }


def found_in(content: bytes, wanted: Spellings) -> set[str]:
    """Return the names of the secrets that are in `content`."""
    return {name for spelling, name in wanted.items() if spelling in content}


def in_files(folder: Path, wanted: Spellings) -> Iterator[Violation]:
    """Search every file below a folder but those that are there for a secret."""
    for path in sorted(folder.rglob("*")):
        if path.name in HOLDERS or path.is_symlink() or not path.is_file():
            continue
        for name in _in_file(path, wanted):
            yield shown(name, f"the file {path.relative_to(folder)}")


def _in_file(path: Path, wanted: Spellings) -> set[str]:
    names: set[str] = set()
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            names |= found_in(tail + chunk, wanted)
            tail = chunk[-OVERLAP_BYTES:]
    return names


def in_redis(redis: Redis, wanted: Spellings) -> Iterator[Violation]:
    """Search every key and every value of a Redis."""
    for key in redis.scan_iter(count=1_000):
        for name in found_in(key + b"\n" + _value(redis, key), wanted):
            yield shown(name, f"Redis at {key.decode(errors='replace')}")


def _value(redis: Any, key: bytes) -> bytes:
    """Return all that is stored at a key, whatever its kind, in one piece."""
    match redis.type(key):
        case b"string":
            parts = [redis.get(key) or b""]
        case b"list":
            parts = redis.lrange(key, 0, -1)
        case b"hash":
            parts = [part for pair in redis.hgetall(key).items() for part in pair]
        case b"set":
            parts = [*redis.smembers(key)]
        case b"zset":
            parts = redis.zrange(key, 0, -1)
        case _:  # a stream or what a module made, as it would be copied
            parts = [redis.dump(key) or b""]
    return b"\n".join(parts)


def in_texts(
    texts: Iterable[str], where: str, wanted: Spellings
) -> Iterator[Violation]:
    """Search what clients were told."""
    names: set[str] = set()
    for text in texts:
        names |= found_in(text.encode(), wanted)
    for name in names:
        yield shown(name, where)


def shown(name: str, where: str) -> Violation:
    return Violation("secret_shown", None, f"{name} is in {where}")


# Requests that go wrong, each with a key where a key is sent, and where none belongs.
PROBES = (
    ("GET", "/api/tokens", ""),
    ("GET", "/api/orders/nowhere?ticket={key}", ""),
    ("GET", "/nowhere?key={key}", ""),
    ("GET", "/api/nowhere/{key}", ""),
    ("GET", "/api/orders/by-client-id/{key}", ""),
    ("POST", "/api/orders/execute", "{{{{"),
    ("POST", "/api/orders/execute", '{{"tokenIn": "{key}", "{key}": 1}}'),
    ("POST", "/admin/login/?next={key}", "username=x"),
    ("GET", "/api/orders/execute?orderId=x&ticket={key}", ""),
)


def probe(port: int, key: str) -> list[str]:
    """Send requests that carry `key`; return all that was answered, heads included."""
    answers = []
    for method, path, body in PROBES:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            headers = {"Authorization": f"Bearer {key}", "Cookie": f"sessionid={key}"}
            connection.request(
                method, path.format(key=key), body.format(key=key), headers
            )
            response = connection.getresponse()
            answers.append(f"{response.headers}\n{response.read().decode()}")
        except (OSError, http.client.HTTPException):
            pass  # the run had just struck the web process
        finally:
            connection.close()
    return answers
