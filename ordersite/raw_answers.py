"""Answers that are made below Django: to what is no request, too late or one too many.

They say what is wrong as the API does, and have the headers of every other answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from django.conf import settings

from orders.problems import MEDIA_TYPE, Problem
from orders.request_ids import HEADER, request_id_of

from .headers import OF_DATA, OF_EVERY_ANSWER, strict_transport


def raw_answer(
    problem: Problem,
    path: str,
    request_id: str = "",
    further: Mapping[str, str] | None = None,
) -> bytes:
    """Return a whole answer, after which the connection is closed."""
    headers, body = parts_of(problem, path, request_id)
    headers |= {"Connection": "close", **(further or {})}
    lines = [
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def parts_of(
    problem: Problem, path: str, request_id: str = ""
) -> tuple[dict[str, str], bytes]:
    """Return headers and body of an answer. The caller's own name of the request counts."""
    name = request_id_of(request_id)
    body = json.dumps(problem.body(instance=path, request_id=name)).encode()
    headers = {
        "Content-Type": MEDIA_TYPE,
        "Content-Length": str(len(body)),
        **problem.headers,
        **OF_EVERY_ANSWER,
        "Content-Security-Policy": OF_DATA,
        "Cache-Control": "no-store",
        HEADER: name,
    }
    if settings.HTTPS_ONLY:  # whoever gets here came through a proxy that speaks TLS
        headers |= strict_transport()
    return headers, body
