"""System checks: settings that are each legal, and wrong together."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from yarl import URL

from dex.solana.transport import endpoint_name

from .exclusive import LOCALNET_PORTS


@register
def check_ports(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    localnet = range(settings.LOCALNET_PORT, settings.LOCALNET_PORT + LOCALNET_PORTS)
    if settings.USES_OWN_LOCALNET and settings.PORT in localnet:
        return [
            Error(
                f"PORT {settings.PORT} is one of localnet's ports.",
                hint="Set PORT or LOCALNET_PORT to something else.",
                id="ordersite.E001",
            )
        ]
    return []


@register
def check_localnet_options(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    ours = {
        "--port": "LOCALNET_PORT sets it.",
        "--ledger": "It lies in VAR_DIR.",
        "--nodes": "Run another localnet alone: see docs/localnet.md.",
    }
    return [
        Error(
            f"LOCALNET_OPTIONS holds {option}, which `manage.py up` sets itself.",
            hint=f"Take it out. {instead}",
            id="ordersite.E006",
        )
        for option, instead in ours.items()
        if any(word.split("=")[0] == option for word in settings.LOCALNET_OPTIONS)
    ]


@register
def check_slippage(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if not 0 <= settings.MAX_SLIPPAGE_BPS <= 10_000:
        return [
            Error(
                f"MAX_SLIPPAGE_BPS is {settings.MAX_SLIPPAGE_BPS}: more than everything.",
                hint="10000 basis points are 100 %.",
                id="ordersite.E002",
            )
        ]
    return []


@register
def check_endpoints(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    hosts = {endpoint_name(URL(url)) for url in settings.SOLANA_RPC_URLS}
    if len(hosts) < 2 and not settings.ALLOW_SINGLE_RPC:
        return [
            Warning(
                "SOLANA_RPC_URLS names one endpoint: no order that expired can end.",
                hint="Name a second host, or accept one witness with ALLOW_SINGLE_RPC=1.",
                id="ordersite.W003",
            )
        ]
    return []


@register
def check_venues(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    return [
        Error(
            f"VENUES names {path} for {name}, and there is no such module.",
            id="ordersite.E004",
        )
        for name, path in settings.VENUES.items()
        if find_spec(path.rpartition(".")[0]) is None
    ]


@register(deploy=True)
def check_log_level(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.LOGGING["root"]["level"] == "DEBUG":
        return [
            Warning(
                "LOG_LEVEL is DEBUG: the log shows every SQL statement.",
                hint="Use INFO.",
                id="ordersite.W005",
            ),
        ]
    return []


@register(deploy=True)
def check_anonymous(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.ALLOW_ANONYMOUS:
        return [
            Error(
                "ALLOW_ANONYMOUS is set: whoever reaches the site trades with the wallet.",
                hint="Unset it, and make keys with `manage.py apikey create`.",
                id="ordersite.E007",
            ),
        ]
    return []


@register(deploy=True)
def check_headers(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    name = "ordersite.headers.headers_middleware"
    if settings.MIDDLEWARE[:1] != [name]:
        return [
            Error(
                f"{name} is not the first of MIDDLEWARE: some answers have no policy.",
                hint="Put it first.",
                id="ordersite.E010",
            )
        ]
    return []


@register(deploy=True)
def check_names(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if "*" in settings.ALLOWED_HOSTS:
        return [
            Warning(
                "ALLOWED_HOSTS lets any name in: a foreign page may pass for this site.",
                hint="Name the hosts under which clients reach it.",
                id="ordersite.W008",
            )
        ]
    return []


@register(deploy=True)
def check_sockets_over_tls(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    open_addresses = [
        name
        for name, addresses in (
            ("PUBLIC_WS_URL", [settings.PUBLIC_WS_URL]),
            ("CSRF_TRUSTED_ORIGINS", settings.CSRF_TRUSTED_ORIGINS),
        )
        if any(one.startswith(("ws://", "http://")) for one in addresses)
    ]
    return [
        Warning(
            f"{name} has an address without TLS: who listens on the way sees orders.",
            hint="Use wss:// and https://.",
            id="ordersite.W009",
        )
        for name in open_addresses
    ]
