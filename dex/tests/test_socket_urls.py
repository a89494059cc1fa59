"""Which sockets are listened to, and what logs say of them."""

from __future__ import annotations

import logging

import pytest

from dex.solana.subscriptions import socket_urls

from .chain_node import (
    settling,
    stage,
    transaction,
    until,
)
from .scripted_socket import scripted_socket


async def test_no_log_shows_the_key_of_a_socket(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    async with scripted_socket() as socket:
        url = socket.url.with_port(9)
    async with (
        stage(1, sockets=[url]) as (cluster, _),
        settling(cluster, transaction()),
    ):
        await until(lambda: "the socket of" in caplog.text)

    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    ("rpc", "socket"),
    [
        ("http://127.0.0.1:8899", "ws://127.0.0.1:8900"),
        ("https://rpc.example/?key=x", "wss://rpc.example/?key=x"),
        ("https://rpc.example:8443/path", "wss://rpc.example:8444/path"),
        ("http://rpc.example", "ws://rpc.example"),
    ],
)
def test_a_socket_is_found_by_the_rule_of_web3_js(rpc: str, socket: str):
    (url,) = socket_urls([rpc], None).values()

    assert str(url).rstrip("/") == socket


def test_sockets_may_be_named_or_switched_off():
    endpoints = ["https://one.example", "https://two.example:1"]
    named = socket_urls(endpoints, ["wss://a.example", "wss://b.example"])

    assert {name: str(url) for name, url in named.items()} == {
        "one.example:443": "wss://a.example",
        "two.example:1": "wss://b.example",
    }
    assert socket_urls(endpoints, []) == {}
