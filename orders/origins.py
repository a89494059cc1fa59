"""Which hosts a socket may be opened from, and the address under which it is reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from .hosts import foreign_host
from .problems import Problem

EXECUTE_PATH = "/api/orders/execute"
_PORTS = {"http": "80", "https": "443"}


def refusal_of(scope: Mapping[str, Any]) -> Problem | None:
    """Say why a handshake comes from neither this site nor a program; None when it does.

    A browser always names the page's origin. Programs send none, and Channels' own
    validator would refuse them. The host is checked as well: a foreign name that points
    to this machine would otherwise be its own origin.
    """
    hosts = _values(scope, b"host")
    origins = _values(scope, b"origin")
    if len(hosts) > 1 or (hosts and not _is_ours(hosts[0])):
        return foreign_host()
    if len(origins) > 1:
        return foreign_page()
    is_ours = (
        not origins
        or origins[0] in settings.CSRF_TRUSTED_ORIGINS
        or _is_same(origins[0], hosts[0] if hosts else "")
    )
    return None if is_ours else foreign_page()


def foreign_page() -> Problem:
    """The problem of a handshake from a page of another site."""
    return Problem(
        403,
        "foreign_origin",
        "A socket opens from pages of this site alone: its Origin must be the site's own "
        "or one of CSRF_TRUSTED_ORIGINS. Programs send no Origin.",
    )


def is_own_page(scope: Mapping[str, Any]) -> bool:
    """Say whether a handshake comes from a page of this site, without any doubt.

    As Django asks of forms: one Origin, written exactly as this site's own or as one of
    CSRF_TRUSTED_ORIGINS.
    """
    origins = _values(scope, b"origin")
    hosts = _values(scope, b"host")
    if len(origins) != 1 or len(hosts) != 1:
        return False
    own = f"{'https' if is_secure(scope) else 'http'}://{hosts[0]}"
    return origins[0] in (own, *settings.CSRF_TRUSTED_ORIGINS)


def ws_url(order_id: UUID, *, host: str, secure: bool, ticket: str = "") -> str:
    """Return the address of an order's stream, as its client reaches this site.

    `ticket` lets in who has no other proof: see access/tickets.py.
    """
    base = settings.PUBLIC_WS_URL or f"{'wss' if secure else 'ws'}://{host}"
    address = f"{base}{EXECUTE_PATH}?orderId={order_id}"
    return f"{address}&ticket={ticket}" if ticket else address


def socket_host(scope: Mapping[str, Any]) -> str:
    """Return the host that a handshake names, or the address that it came in at."""
    hosts = _values(scope, b"host")
    if hosts:
        return hosts[0]
    name, port = scope.get("server") or ("localhost", settings.PORT)
    return f"{name}:{port}"


def is_secure(scope: Mapping[str, Any]) -> bool:
    """Say whether a handshake came over TLS, as far as settings let a proxy say so."""
    if scope.get("scheme") == "wss":
        return True
    if settings.SECURE_PROXY_SSL_HEADER is None:
        return False
    header, value = settings.SECURE_PROXY_SSL_HEADER
    name = header.removeprefix("HTTP_").replace("_", "-").lower().encode()
    return _values(scope, name) == [value]


def _values(scope: Mapping[str, Any], wanted: bytes) -> list[str]:
    headers: Iterable[tuple[bytes, bytes]] = scope.get("headers", ())
    return [value.decode("latin1") for name, value in headers if name == wanted]


def _is_ours(host: str) -> bool:
    return _is_allowed(host, tuple(settings.ALLOWED_HOSTS))


@lru_cache(maxsize=64)
def _is_allowed(host: str, allowed: Iterable[str]) -> bool:
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, allowed)


def _is_same(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
        default_port = _PORTS[parts.scheme]
    except (ValueError, KeyError):  # "null", among others
        return False
    if origin != f"{parts.scheme}://{parts.netloc}":
        return False
    return _with_port(parts.netloc, default_port) == _with_port(host, default_port)


def _with_port(host: str, default_port: str) -> tuple[str, str]:
    domain, port = split_domain_port(host)
    return domain, port or default_port
