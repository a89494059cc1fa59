"""Answers that go wrong on their way: refused, late, cut off, garbled, or lost."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
from typing import Any

from aiohttp import web

from dex.localnet.node import Node

RETRY_AFTER_S = 1
# Close at once and throw away what was not sent: the peer sees a reset.
LINGER_NOT_AT_ALL = struct.pack("ii", 1, 0)


def is_control(body: Any) -> bool:
    """Say whether a body calls localnet's own methods alone: no fault may lock them."""
    calls = body if isinstance(body, list) else [body]
    return bool(calls) and all(
        isinstance(call, dict) and str(call.get("method")).startswith("localnet_")
        for call in calls
    )


def refusal(node: Node, request: web.Request) -> web.Response | None:
    """Return how this node refuses a request of which it has done nothing, if it does."""
    if node.faults.strike("tooManyRequests", node.index) is not None:
        error = {"code": 429, "message": "Too many requests"}
        return web.json_response(
            {"jsonrpc": "2.0", "error": error, "id": None},
            status=429,
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )
    broken = node.faults.strike("serverError", node.index)
    if broken is not None:
        return _server_error(broken.rng.choice((502, 503)))
    reset = node.faults.strike("reset", node.index)
    if reset is None:
        return None
    if reset.rng.random() < 0.5:
        return _reset(request)
    # The client cannot know which: this one breaks after the work.
    node.lost_answer = "reset"
    return None


async def deliver(
    node: Node, request: web.Request, answers: str | None
) -> web.StreamResponse:
    """Answer a request that is done and durable, or what a fault makes of that."""
    lost, node.lost_answer = node.lost_answer, None
    half = node.faults.strike("halfAnswer", node.index)
    garbage = node.faults.strike("garbage", node.index)
    slow = node.faults.strike("slow", node.index)
    if slow is not None:
        await asyncio.sleep(slow.rule.delay_s)
    if lost == "serverError":
        return _server_error(503)
    if lost == "reset":
        return _reset(request)
    if half is not None and answers is not None:
        return await _half(request, answers.encode())
    if garbage is not None and answers is not None:
        text = _garbled(answers, garbage.rng)
        return web.Response(text=text, content_type="application/json")
    return arrived(answers)


def arrived(answers: str | None) -> web.Response:
    """Return an answer as it is; a body of notifications alone has an empty one."""
    return web.Response() if answers is None else web.json_response(text=answers)


def _server_error(status: int) -> web.Response:
    # As the proxies before real nodes say it: no JSON.
    page = f"<html><body><h1>{status}</h1></body></html>"
    return web.Response(status=status, text=page, content_type="text/html")


def _reset(request: web.Request) -> web.Response:
    """Break the connection; the response that is returned goes nowhere."""
    transport = request.transport
    if transport is not None:
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT_AT_ALL)
        transport.abort()
    return web.Response()


async def _half(request: web.Request, body: bytes) -> web.StreamResponse:
    """Announce a whole body, send the first half of it and close."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def _garbled(text: str, rng: random.Random) -> str:
    """Return no JSON, JSON of another shape, results of another shape, or half of it."""
    answers = json.loads(text)
    calls = answers if isinstance(answers, list) else [answers]
    misshapen = [
        {"jsonrpc": "2.0", "id": call["id"], "result": {"garbage": True}}
        for call in calls
    ]
    return rng.choice(
        (
            "Service temporarily unavailable",
            json.dumps({"status": "ok"}),
            json.dumps(misshapen if isinstance(answers, list) else misshapen[0]),
            text[: len(text) // 2],
        )
    )
