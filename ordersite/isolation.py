"""An environment in which an installation meets nothing of this machine's own one."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path

# In a folder that new_installation() made, until the process it was made for has begun.
MARK = ".made-for-one-run"

# Every setting that the environment could carry over.
SETTINGS = (
    *("DATABASE_URL", "PG_CONN", "REDIS_URL", "SECRET_KEY", "DEBUG", "HTTPS_ONLY"),
    *("ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "PUBLIC_WS_URL", "PORT", "LOG_LEVEL"),
    *("LOG_FORMAT", "WEB_PROCESSES"),
    *("SOLANA_RPC_URLS", "SOLANA_WS_URLS", "LOCALNET_PORT", "LOCALNET_FORK"),
    "LOCALNET_OPTIONS",
    *(
        "WALLET_KEYPAIR",
        "ALLOW_ANONYMOUS",
        "DEVELOPMENT_KEY",
        "ALLOW_SINGLE_RPC",
        "ORDER_TTL_S",
    ),
    *("MAX_SLIPPAGE_BPS", "MAX_PRICE_IMPACT", "ORDERS_IN_FLIGHT", "RPC_TIMEOUT_S"),
    *("RPC_BATCH_SIZE", "SLOT_TIME_S", "QUOTE_TIMEOUT_S", "COMPUTE_UNIT_PRICE"),
    *("DATABASE_TIMEOUT_S", "SOCKET_STALL_S"),
    *("RATE_LIMIT_REQUESTS", "RATE_LIMIT_ORDERS", "RATE_LIMIT_FAILURES"),
    *("SOCKETS_PER_KEY", "SOCKETS_PER_ADDRESS", "SOCKET_ORDERS"),
    *("SOCKET_FRAMES_PER_S", "REQUEST_ARRIVAL_S", "TRUSTED_PROXIES"),
    "CONNECTIONS_PER_ADDRESS",
    *("MAX_ORDER", "MAX_OPEN_ORDERS_PER_OWNER"),
)

# Limits above any load of our own. They are counted all the same, as they are elsewhere.
FAR_LIMITS = {
    "RATE_LIMIT_REQUESTS": "1000000",
    "RATE_LIMIT_ORDERS": "1000000",
    "RATE_LIMIT_FAILURES": "1000000",
    "SOCKETS_PER_KEY": "65000",
    "SOCKETS_PER_ADDRESS": "65000",
    "CONNECTIONS_PER_ADDRESS": "65000",
    "SOCKET_ORDERS": "1000000",
    "SOCKET_FRAMES_PER_S": "100000",
}


def isolate(environment: MutableMapping[str, str], var_dir: Path) -> None:
    """Take every setting out, and let the data lie in a folder of its own."""
    for name in SETTINGS:
        environment.pop(name, None)
    environment["ENV_FILE"] = os.devnull
    environment["VAR_DIR"] = str(var_dir)


def new_installation(prefix: str) -> tuple[Path, dict[str, str]]:
    """Make a temporary folder; return it, and the environment of an installation in it.

    On a free port, and with the defaults for all other settings.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix)).resolve()
    environment = dict(os.environ)
    isolate(environment, folder / "var")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        environment["PORT"] = str(probe.getsockname()[1])
    (folder / MARK).touch()
    return folder, environment


def enter_installation(var_dir: Path) -> Path | None:
    """Return the temporary folder that was made for this process alone.

    None when `var_dir` is anybody else's: a run must not touch what it did not make.
    """
    folder = var_dir.parent
    try:
        (folder / MARK).unlink()
    except FileNotFoundError:
        return None
    return folder


def leave_installation(folder: Path, sockets: Path, *, keep: bool) -> None:
    """Remove what enter_installation() returned, and its sockets; `keep` its data."""
    shutil.rmtree(sockets, ignore_errors=True)
    if not keep:
        shutil.rmtree(folder)


@contextmanager
def inhabited(folder: Path, sockets: Path, *, keep: bool) -> Iterator[None]:
    """Leave what enter_installation() returned when the block ends.

    With its data gone, unless the block raises or they are to be kept.
    """
    kept = True
    try:
        yield
        kept = keep
    finally:
        leave_installation(folder, sockets, keep=kept)
