"""pytest plugin: every run gets its own PostgreSQL and Valkey, in a folder of its own.

Loaded by `-p` in pyproject.toml, so that the variables are set before Django reads
its settings.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from . import embedded
from .isolation import FAR_LIMITS, isolate

# The tests' own settings, whatever this machine's .env and environment say.
LAYOUT = embedded.Layout(Path(tempfile.mkdtemp(prefix="dex-tests-")).resolve())
isolate(os.environ, LAYOUT.var_dir)
os.environ["ALLOW_ANONYMOUS"] = "1"  # tests about access take it back
os.environ |= FAR_LIMITS  # tests about limits set their own
os.environ["DJANGO_SETTINGS_MODULE"] = "ordersite.settings"

_servers: list[embedded.Server] = []


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    if session.config.option.collectonly or _only_distributes(session.config):
        return
    for kind in (embedded.Postgres, embedded.Valkey):
        server = kind(LAYOUT)
        try:
            server.start()
        except embedded.EmbeddedError as error:
            pytest.exit(str(error), returncode=1)
        _servers.append(server)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """The rows of the test before are gone."""
    from orders.access.last_used import LAST_USED
    from orders.access.limits import forget_limits
    from orders.recent import forget_all

    forget_all()
    forget_limits()
    LAST_USED.forget()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """Nothing is written any more when the database is taken from the test."""
    from orders.access.last_used import LAST_USED

    LAST_USED.settle()


def _only_distributes(config: pytest.Config) -> bool:
    """Whether other processes run the tests (`-n`), each with servers of its own."""
    return bool(config.option.tx) and not hasattr(config, "workerinput")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("early") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    return FilesOfOneEngine(config, log)


class FilesOfOneEngine(LoadFileScheduling):  # type: ignore[misc]
    """Gives a file to one process, and all files that share an engine to the same."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        folder, _, _ = file.rpartition("/")
        return folder if folder.endswith("/one_engine") else file


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    _stop_servers()


def _stop_servers() -> None:
    while _servers:
        _servers.pop().stop()


@atexit.register  # also after a run that broke before or while it was unconfigured
def _remove_folders() -> None:
    _stop_servers()
    shutil.rmtree(LAYOUT.var_dir, ignore_errors=True)
    shutil.rmtree(LAYOUT.sockets, ignore_errors=True)
