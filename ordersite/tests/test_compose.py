"""docker-compose.yml passes on what .env.example offers."""

from __future__ import annotations

import os
import re
import runpy
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

ROOT = Path(settings.BASE_DIR)

# What .env.example offers and a container has no use for.
NOT_IN_CONTAINERS = {
    "PORT",  # where web is published; inside it is always 8000
    "DEBUG",  # the image holds no tests and no tools
    "DEVELOPMENT_KEY",  # of the embedded servers alone
    "DATABASE_URL",  # the file's own PostgreSQL
    "REDIS_URL",  # the file's own Valkey
    "VAR_DIR",  # a volume
    "WALLET_KEYPAIR",  # a volume
    "LOCALNET_PORT",  # the localnet has a container of its own, with fixed options
    "LOCALNET_OPTIONS",
    "LOCALNET_FORK",  # files that the image does not hold
    "LOCALNET_PROGRAMS",
}


def offered() -> set[str]:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    return set(re.findall(r"^#([A-Z_]+)=", text, re.M))


def passed_on() -> dict[str, str]:
    """Return the variables of every service that runs the image."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    shared: dict[str, str] = compose["x-app"]["environment"]
    for name, service in compose["services"].items():
        if "image" not in service or service["image"] == compose["x-app"]["image"]:
            assert service["environment"] == shared, name
    return shared


def test_compose_passes_on_every_setting_that_makes_sense_in_a_container():
    own = {"DATABASE_URL", "REDIS_URL"}

    assert passed_on().keys() - own == offered() - NOT_IN_CONTAINERS
    assert NOT_IN_CONTAINERS - offered() == set()


def test_what_is_not_set_in_compose_arrives_empty_and_means_the_default():
    defaults = {"SOLANA_RPC_URLS": "localnet", "LOG_FORMAT": "json"}
    for name in offered() - NOT_IN_CONTAINERS:
        if name not in defaults:
            assert passed_on()[name] == f"${{{name}:-}}", name


def test_settings_that_arrive_empty_are_the_defaults(monkeypatch):
    names = offered() - NOT_IN_CONTAINERS
    monkeypatch.setenv("ENV_FILE", os.devnull)
    for name in names:
        monkeypatch.delenv(name, raising=False)
    defaults = settings_of_this_environment()
    for name in names:
        monkeypatch.setenv(name, "")

    assert settings_of_this_environment() == defaults
    assert defaults["SOCKETS_PER_KEY"] == 1_000


def settings_of_this_environment() -> dict[str, Any]:
    """Read the settings anew; return the plain values."""
    read = runpy.run_path(
        str(ROOT / "ordersite" / "settings.py"), run_name="ordersite.settings"
    )
    plain = (bool, int, float, str, list, type(None))
    return {
        name: value
        for name, value in read.items()
        if name.isupper() and isinstance(value, plain)
    }
