"""Asks the processes of this site, on this machine."""

from __future__ import annotations

import http.client
import json
from typing import Any

from django.conf import settings

ANSWER_TIMEOUT_S = 5.0


def ask(
    port: int,
    method: str,
    path: str,
    body: str | None = None,
    *,
    host: str = "localhost",
) -> tuple[int, dict[str, Any]]:
    """Ask a process of this site; never through a proxy."""
    # While a web process starts the kernel accepts, and nobody answers.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_TIMEOUT_S)
    try:
        headers = {"Content-Type": "application/json", "Host": f"{host}:{port}"}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def allowed_host() -> str:
    """Return a host under which the web process answers, this machine's if it may."""
    allowed = settings.ALLOWED_HOSTS
    for local in ("127.0.0.1", "localhost"):
        if local in allowed or "*" in allowed:
            return local
    return str(allowed[0]).removeprefix(".")
