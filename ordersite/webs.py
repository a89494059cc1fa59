"""Several web processes that accept from one listening socket.

The socket belongs to the process that starts them. When one of them dies the others go on
accepting, and clients wait instead of being refused while there is none.
"""

from __future__ import annotations

import os
import socket

from django.conf import settings

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


def web_children(listening: socket.socket, console: Console) -> list[Child]:
    """Return WEB_PROCESSES web processes, not started yet."""
    return [
        Child(
            name=name,
            command=python(*web_words(listening)),
            environment={**os.environ, "PYTHONUNBUFFERED": "1"},
            folder=settings.BASE_DIR,
            log=settings.EMBEDDED.logs / f"{name}.log",
            console=console,
            descriptors=[listening.fileno()],
        )
        for name in names("web", settings.WEB_PROCESSES)
    ]
