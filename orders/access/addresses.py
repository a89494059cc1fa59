"""From which address a request comes, for those who have nothing better to be known by."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any

from django.conf import settings

UNKNOWN = "unknown"  # of a Unix socket, for example
_IPV6_PREFIX = 64  # bits that one customer of a provider usually has for himself


def address_of_request(meta: Mapping[str, Any]) -> str:
    """Return the address of who sent a request, with what WSGI calls its variables."""
    forwarded = meta.get("HTTP_X_FORWARDED_FOR", "") if settings.TRUSTED_PROXIES else ""
    return client_address(meta.get("REMOTE_ADDR", ""), forwarded)


def address_of_socket(scope: Mapping[str, Any]) -> str:
    """Return the address of who opens a socket."""
    peer = (scope.get("client") or ("",))[0]
    forwarded = ""
    if settings.TRUSTED_PROXIES:
        forwarded = ",".join(
            value.decode("latin1")
            for name, value in scope.get("headers", ())
            if name == b"x-forwarded-for"
        )
    return client_address(peer, forwarded)


def client_address(peer: str, forwarded: str) -> str:
    """Return the address that the outermost of TRUSTED_PROXIES proxies saw.

    Each proxy adds the address that it was called from at the end of X-Forwarded-For, so
    what stands before those is the client's own invention. Of an IPv6 address the network
    counts.
    """
    called_from = [one.strip() for one in forwarded.split(",") if one.strip()]
    addresses = [*called_from, peer]
    place = max(len(addresses) - 1 - settings.TRUSTED_PROXIES, 0)
    return _normal(addresses[place]) or _normal(peer) or UNKNOWN


@lru_cache(1_000)
def _normal(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    network = int(address) >> (128 - _IPV6_PREFIX) << (128 - _IPV6_PREFIX)
    return f"{IPv6Address(network)}/{_IPV6_PREFIX}"
