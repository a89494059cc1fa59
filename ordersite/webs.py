"""Several web processes that accept from one listening socket.

The socket belongs to the process that starts them. When one of them dies the others go on
accepting, and clients wait instead of being refused while there is none.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from django.conf import settings

from orders.access import open_sockets
from orders.shared_memory import make_memory

from . import tally
from .console import Console
from .processes import Child, python
from .variation import names

# Of PostgreSQL, that one web process may keep: see asgi.py, threads.py and history.py of
# orders, and two checks of /readyz.
CONNECTIONS = 12 + 8 + 1 + 2


def web_words(listening: socket.socket) -> list[str]:
    """Return the command of a web process, without the interpreter.

    It must be given the socket under the same number.
    """
    return [
        *("-m", "ordersite.web", "--verbosity", "0", "--no-server-name"),
        *("--fd", str(listening.fileno())),
        *("--ping-interval", "20", "--ping-timeout", "30"),
        "ordersite.asgi:application",
    ]


def share(children: Sequence[Child], listening: socket.socket) -> Sequence[Child]:
    """Have web processes, not started yet, accept from one socket and share it out."""
    memory = make_memory(len(children), tally.BYTES_EACH)
    sockets = make_memory(len(children), open_sockets.BYTES_EACH)
    for place, child in enumerate(children):
        child.descriptors = [listening.fileno(), memory, sockets]
        child.environment = {
            **child.environment,
            tally.VARIABLE: f"{memory}:{place}",
            open_sockets.VARIABLE: f"{sockets}:{place}",
        }
    return children


def web_children(listening: socket.socket, console: Console) -> Sequence[Child]:
    """Return WEB_PROCESSES web processes, not started yet."""
    children = [
        Child(
            name=name,
            command=python(*web_words(listening)),
            environment={**os.environ, "PYTHONUNBUFFERED": "1"},
            folder=settings.BASE_DIR,
            log=settings.EMBEDDED.logs / f"{name}.log",
            console=console,
        )
        for name in names("web", settings.WEB_PROCESSES)
    ]
    return share(children, listening)
