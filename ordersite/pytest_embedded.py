"""pytest plugin: every run gets its own PostgreSQL and Valkey, in a folder of its own.

Loaded by `-p` in pyproject.toml, so that the variables are set before Django reads
its settings.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ordersite.settings")
for name in ("DATABASE_URL", "PG_CONN", "REDIS_URL", "SOLANA_RPC_URLS", "WALLET_KEYPAIR"):
    # An empty variable also wins over a value in .env.
    os.environ[name] = ""
    del os.environ[name]
VAR_DIR = Path(tempfile.mkdtemp(prefix="dex-tests-"))
os.environ["VAR_DIR"] = str(VAR_DIR)

_servers: list[object] = []


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    from . import embedded

    if session.config.option.collectonly:
        return
    for kind in (embedded.Postgres, embedded.Valkey):
        server = kind(embedded.Layout(VAR_DIR))
        server.start()
        _servers.append(server)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    from . import embedded

    while _servers:
        _servers.pop().stop()  # type: ignore[attr-defined]
    shutil.rmtree(VAR_DIR, ignore_errors=True)
    shutil.rmtree(embedded.Layout(VAR_DIR).sockets, ignore_errors=True)
