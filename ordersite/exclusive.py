"""What only one `manage.py up` may have at a time: a checkout's data, and ports.

Every claim ends with the process that holds it, however that ends, so nothing stale can
be left behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO

LOCALNET_NODES = 2
# Node k: RPC on port + 2k, and room for its WebSocket on the next one.
LOCALNET_PORTS = 2 * LOCALNET_NODES
BACKLOG = 1024  # connections that wait to be accepted


class InUse(Exception):
    """Somebody else has it; the message says what to do."""


def lock_data(var_dir: Path) -> IO[str]:
    """Lock a data folder until the returned file is closed. Raises InUse."""
    var_dir.mkdir(parents=True, exist_ok=True)
    file = (var_dir / "up.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise InUse(
            f"`make run` is already running here (process {holder}). Stop it with Ctrl-C "
            "in its terminal; for a second one, use a second checkout or another VAR_DIR."
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def claim_web_port(port: int, host: str = "127.0.0.1") -> socket.socket:
    """Listen on a port, for processes to accept from. Raises InUse.

    Clients wait from now on until a process accepts them, also while none runs.
    """
    try:
        return socket.create_server((host, port), backlog=BACKLOG)
    except OSError:
        raise InUse(
            f"Port {port} is in use, or this user may not open it. Choose another one: "
            f"PORT={port + 1 if port < 65535 else 8001} make run"
        ) from None


def claim_localnet_ports(
    first: int, *, only: bool = False
) -> tuple[int, contextlib.ExitStack]:
    """Claim four adjacent free ports, from `first` upwards; `only` there, if it is said.

    Raises InUse.
    """
    end = first + 1 if only else 65537 - LOCALNET_PORTS
    for port in range(first, end, LOCALNET_PORTS):
        claim = _claim(range(port, port + LOCALNET_PORTS))
        if claim is not None:
            return port, claim
    if only:
        raise InUse(
            f"Localnet needs the ports {first} to {first + LOCALNET_PORTS - 1}, and one "
            "of them is in use. Set another LOCALNET_PORT, or none: then free ones are "
            "found."
        )
    raise InUse(f"No four adjacent ports are free from {first} upwards for localnet.")


def _claim(ports: Iterable[int]) -> contextlib.ExitStack | None:
    """Claim ports that are all free, until the stack is closed; None when one is not.

    Between the look whether a port is free and the server's bind lies a second or two, in
    which another checkout may look too. So each tells the others by a name in Linux's
    abstract socket space, which is free again as soon as its holder ends.
    """
    with contextlib.ExitStack() as held:
        for port in ports:
            if sys.platform == "linux":
                claim = held.enter_context(socket.socket(socket.AF_UNIX))
                try:
                    claim.bind(f"\0dex-orders-port-{port}")
                except OSError:
                    return None
            if not _is_free(port):
                return None
        return held.pop_all()


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET) as probe:
        # As servers do: a connection that was closed just now does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:  # in use, or not for this user
            return False
    return True
