"""What a run was measured on: the machine, the versions, the commit."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

import psycopg
import redis
from django.conf import settings
from django.db import connection

LOOP = 10_000_000
PACKAGES = ("django", "channels", "daphne", "rq", "psycopg", "redis", "aiohttp")


def machine() -> Mapping[str, object]:
    """Measure how fast this machine is now: an empty Python loop of ten million rounds."""
    began = time.perf_counter()
    for _ in range(LOOP):
        pass
    return {
        "loop_10m_s": round(time.perf_counter() - began, 2),
        "cores": _cores(),
        "load_1m": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 0


def versions(*, with_servers: bool) -> Mapping[str, str]:
    """Return what runs here; of the servers only when they are those of the settings."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "none"
    if with_servers:
        found |= _servers()
    return found | {"commit": commit()}


def _servers() -> Mapping[str, str]:
    found = {}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            found["postgres"] = str(cursor.fetchone()[0])
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2) as client:
            info = client.info("server")
        found["redis server"] = str(info["redis_version"])
        if "valkey_version" in info:
            found["valkey"] = str(info["valkey_version"])
    except (psycopg.Error, redis.RedisError) as error:
        found["servers"] = f"unknown: {error}"
    finally:
        connection.close()
    return found


def commit() -> str:
    """Return the commit of this checkout, with a + when files differ from it."""
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
            cwd=settings.BASE_DIR,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
