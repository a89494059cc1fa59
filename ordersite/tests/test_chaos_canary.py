"""The search for secrets finds each of them, wherever and however it is written."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from redis import Redis
from solders.keypair import Keypair

from ordersite.chaos import canary
from ordersite.embedded import Valkey

KEYPAIR = Keypair.from_seed(bytes(range(32)))
API_KEY = "dex_ab12cd34_x7Qm2vN9rT4kLw8ZcYb1HfJ6sDgPaE3uRiOoWn5tMqV"


@pytest.fixture
def var_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "var"
    folder.mkdir()
    (folder / "wallet.json").write_text(json.dumps(list(bytes(KEYPAIR))))
    (folder / "secret_key").write_text("the-key-that-signs-sessions")
    return folder


@pytest.fixture
def wanted(var_dir: Path) -> canary.Spellings:
    return canary.spellings(var_dir, [API_KEY])


WRITTEN = {
    "base58": str(KEYPAIR),
    "numbers": f"loaded {list(bytes(KEYPAIR))}",
    "numbers without spaces": json.dumps(list(bytes(KEYPAIR)), separators=(",", ":")),
    "the beginning of the numbers": str(list(bytes(KEYPAIR))[:20]),
    "hex": bytes(KEYPAIR).hex(),
    "hex of the seed": bytes(KEYPAIR)[:32].hex(),
    "base64": base64.b64encode(bytes(KEYPAIR)).decode(),
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_a_keypair_is_found_however_it_is_written(wanted: canary.Spellings, text: str):
    assert canary.found_in(f"before {text} after".encode(), wanted) == {"wallet.json"}


@pytest.mark.parametrize(
    "text",
    [API_KEY, API_KEY[13:], f"?ticket={API_KEY}&a=b", API_KEY[13:].encode().hex()],
)
def test_an_api_key_is_found_by_its_secret_part(wanted: canary.Spellings, text: str):
    assert canary.found_in(text.encode(), wanted) == {"an API key"}


def test_addresses_prefixes_and_signatures_are_no_secrets(wanted: canary.Spellings):
    public = f"{KEYPAIR.pubkey()} {KEYPAIR.sign_message(b'x')} {API_KEY[:12]}"

    assert canary.found_in(public.encode(), wanted) == set()


def test_every_file_but_the_secrets_own_is_searched_also_across_its_chunks(
    var_dir: Path, wanted: canary.Spellings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(canary, "CHUNK_BYTES", 1_000)
    assert list(canary.in_files(var_dir.parent, wanted)) == []

    (var_dir / "log").mkdir()
    (var_dir / "log" / "web.log").write_text("x" * 990 + API_KEY)
    (var_dir.parent / "console.log").write_bytes(b"\x00" + bytes(range(32)))

    assert [str(found) for found in canary.in_files(var_dir.parent, wanted)] == [
        "secret_shown: –: wallet.json is in the file console.log",
        "secret_shown: –: an API key is in the file var/log/web.log",
    ]


def test_every_kind_of_key_and_value_in_redis_is_searched(
    valkey: Valkey, wanted: canary.Spellings
):
    with Redis.from_url(valkey.layout.redis_url) as redis:
        redis.set("string", "harmless")
        assert list(canary.in_redis(redis, wanted)) == []

        redis.set("string", API_KEY)
        redis.set(f"key:{API_KEY}", "")
        redis.rpush("list", "x", API_KEY)
        redis.hset("hash", mapping={API_KEY: "x"})
        redis.sadd("set", API_KEY)
        redis.zadd("zset", {API_KEY: 1})
        redis.xadd("stream", {"field": API_KEY})

        found = {str(one).rpartition(" ")[2] for one in canary.in_redis(redis, wanted)}

    assert found == {
        *("string", f"key:{API_KEY}", "list", "hash", "set", "zset", "stream"),
    }


def test_frames_and_answers_are_searched(wanted: canary.Spellings):
    frames = [json.dumps({"data": {"error": API_KEY}}), json.dumps({"data": {}})]

    (found,) = canary.in_texts(frames, "a frame", wanted)

    assert str(found) == "secret_shown: –: an API key is in a frame"
