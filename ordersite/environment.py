"""Typed settings from the environment and `.env`, which refuse nonsense by name.

A variable that is empty counts as not set. A refusal names the variable and what it
must be, and never repeats a value that may hold a password.
"""

from __future__ import annotations

import math
import re
import shlex
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}
_SHARE = re.compile(r"0(\.[0-9]{1,4})?|1(\.0{1,4})?")


class Environment:
    """The variables of this process, with those of `.env` where it has none."""

    def __init__(self, dotenv: Path) -> None:
        self._env = environ.Env()
        if dotenv.is_file():
            self._env.read_env(dotenv)

    def text(self, *names: str, default: str = "") -> str:
        """Return the first of `names` that is set; several are names for one thing."""
        for name in names:
            value = str(self._env.str(name, default="")).strip()
            if value:
                return value
        return default

    def choice(self, name: str, values: tuple[str, ...], *, default: str) -> str:
        value = self.text(name, default=default).upper()
        for allowed in values:
            if value == allowed.upper():
                return allowed
        raise _refusal(name, f"must be one of {', '.join(values)}")

    def boolean(self, name: str, *, default: bool) -> bool:
        value = self.text(name).lower()
        if not value:
            return default
        if value not in TRUE | FALSE:
            raise _refusal(name, "must be 1 or 0 (or true, false, yes, no, on, off)")
        return value in TRUE

    def integer(self, name: str, *, default: int, least: int, most: int) -> int:
        value = self.text(name)
        if not value:
            return default
        # int() alone also takes "1_000", "+5" and digits of other scripts.
        if not (value.isascii() and value.removeprefix("-").isdigit()):
            raise _refusal(name, f"must be a whole number from {least} to {most}")
        # More digits than any limit has; int() refuses a few thousand by itself.
        number = int(value) if len(value) <= 20 else most + 1
        if not least <= number <= most:
            raise _refusal(name, f"must be a whole number from {least} to {most}")
        return number

    def basis_points(self, name: str, *, default: int) -> int:
        """Return a share of one, written as a fraction such as 0.1, in basis points."""
        value = self.text(name)
        if not value:
            return default
        if not _SHARE.fullmatch(value):
            raise _refusal(name, "must be a fraction from 0 to 1 in steps of 0.0001")
        return int(Decimal(value).scaleb(4))

    def seconds(self, name: str, *, default: float, least: float, most: float) -> float:
        value = self.text(name)
        if not value:
            return default
        expected = f"must be a number of seconds from {least:g} to {most:g}"
        try:
            number = float(value)
        except ValueError:
            raise _refusal(name, expected) from None
        if not (math.isfinite(number) and least <= number <= most):
            raise _refusal(name, expected)
        return number

    def words(self, name: str, *, default: list[str]) -> list[str]:
        """Return a list that is written with commas."""
        value = self.text(name)
        return [word.strip() for word in value.split(",") if word.strip()] or default

    def command_line(self, name: str) -> list[str]:
        """Return the words of a command line, as a shell would part them."""
        try:
            return shlex.split(self.text(name))
        except ValueError:  # a quotation mark that is never closed
            raise _refusal(name, "must have all its quotation marks closed") from None

    def url(self, *names: str, schemes: tuple[str, ...], default: str = "") -> str:
        value = self.text(*names)
        if value:
            name = next(name for name in names if self.text(name))
            check_url(name, value, schemes)
        return value or default

    def urls(
        self, name: str, *, schemes: tuple[str, ...], default: list[str]
    ) -> list[str]:
        values = self.words(name, default=default)
        for value in values:
            check_url(name, value, schemes)
        if len(set(values)) != len(values):
            raise _refusal(name, "must name each address once")
        return values

    def optional_urls(
        self, name: str, *, schemes: tuple[str, ...], as_many_as: list[str]
    ) -> list[str] | None:
        """Return None when it is not set, none for "off", else one for each of a list."""
        if self.text(name).lower() in FALSE:
            return []
        values = self.urls(name, schemes=schemes, default=[])
        if values and len(values) != len(as_many_as):
            raise _refusal(name, f"must be off, or name {len(as_many_as)} addresses")
        return values or None


def check_url(name: str, value: str, schemes: tuple[str, ...]) -> None:
    """Raise ImproperlyConfigured unless `value` is a whole URL with one of `schemes`."""
    expected = " or ".join(f"{scheme}://" for scheme in schemes)
    try:
        parts = urlsplit(value)
        whole = bool(parts.netloc or parts.path) and (parts.port is None or parts.port)
    except ValueError:  # a port that is no number, a broken IPv6 address
        raise _refusal(name, f"must be a URL that starts with {expected}") from None
    if parts.scheme not in schemes or not whole:
        raise _refusal(name, f"must be a URL that starts with {expected}")


def _refusal(name: str, expected: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name} {expected}.")
