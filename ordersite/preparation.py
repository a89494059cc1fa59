"""Make an installation ready to trade. Every step may be repeated and changes no more."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection

from dex.allow_list import allow_genesis
from dex.chain import known_chain
from dex.errors import RpcRejected, RpcUnavailable, WalletError
from dex.models import Chain
from dex.solana.configured import configured_client
from dex.solana.meeting import meet
from dex.solana.rpc import RpcClient
from dex.solana.wallet import Wallet, create_wallet

from .development import make_development_key, withdraw_development_key
from .embedded.layout import write_once
from .webs import CONNECTIONS

DEVELOPMENT_USER = "admin"
PATIENCE_S = 30.0
# A worker and a keeper with their threads, audits, and the commands of an operator.
OTHER_CONNECTIONS = 30


def prepare(say: Callable[[str], None]) -> None:
    """Do every step. Raises DexError, DatabaseError; each message says what to do."""
    _migrate()
    say("database: migrated")
    if wish := _wish_for_connections():
        say(wish)
    if settings.USES_EMBEDDED_POSTGRES:
        say(_make_development_user())
    known = known_chain()
    wallet, genesis = asyncio.run(_visit_chain(known, say))
    say(f"wallet: {wallet.address}")
    if settings.USES_EMBEDDED_POSTGRES:
        wanted = settings.DEVELOPMENT_KEY and genesis is not None
        if done := make_development_key() if wanted else withdraw_development_key():
            say(done)
    if genesis is not None:
        tokens, pools = allow_genesis(genesis)
        say(f"allow-list: {tokens} tokens and {pools} pools of localnet added")


def _migrate() -> None:
    """Bring the tables up to date, however long an index over many orders takes."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
    call_command("migrate", interactive=False, verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("RESET statement_timeout")


def _wish_for_connections() -> str:
    """Say whether the server allows fewer connections than this installation may keep."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW max_connections")
        allowed = int(cursor.fetchone()[0])
    needed = settings.WEB_PROCESSES * CONNECTIONS + OTHER_CONNECTIONS
    if allowed >= needed:
        return ""
    return (
        f"database: it allows {allowed} connections, and {settings.WEB_PROCESSES} web "
        f"processes, a worker and a keeper may need {needed}. Raise max_connections, or "
        "set a lower WEB_PROCESSES."
    )


async def _visit_chain(
    known: Chain | None, say: Callable[[str], None]
) -> tuple[Wallet, dict[str, Any] | None]:
    """Meet the chain; on localnet also return what may be traded there."""
    rpc = configured_client(known.genesis_hash if known else None)
    try:
        is_localnet = await _is_localnet(rpc)
        wallet = _wallet(is_localnet)
        chain = await meet(rpc, str(wallet.address))
        say(f"chain: {chain} with genesis hash {chain.genesis_hash}")
        if chain.halted_at is not None:
            say(
                f"trading is halted: {chain.halted_reason} "
                "Lift it with `manage.py trading resume`, or in the admin."
            )
        if not is_localnet:
            return wallet, None
        await _fund(rpc, wallet)
        return wallet, await rpc.call("localnet_genesis")
    finally:
        await rpc.close()


async def _is_localnet(rpc: RpcClient) -> bool:
    """Ask which kind of chain this is, as soon as a node answers."""
    give_up_at = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        try:
            version = await rpc.call("getVersion")
        except RpcUnavailable:
            if asyncio.get_running_loop().time() > give_up_at:
                raise
            await asyncio.sleep(0.5)
        else:
            return isinstance(version, dict) and version.get("localnet") is True


def _wallet(is_localnet: bool) -> Wallet:
    """Load the wallet. Only localnet gets a new one: nobody else could fund it."""
    if is_localnet:
        return create_wallet(settings.WALLET_KEYPAIR)
    return Wallet.load(settings.WALLET_KEYPAIR)


async def _fund(rpc: RpcClient, wallet: Wallet) -> None:
    """Give the wallet localnet's money, unless it has some already."""
    balance = await rpc.call("getBalance", [str(wallet.address)])
    if balance["value"] > 0:
        return
    try:
        await rpc.call("localnet_fund", [str(wallet.address)])
    except RpcRejected as error:
        raise WalletError(
            f"The wallet {wallet.address} has no SOL on localnet. Start localnet with "
            f"--fund {wallet.address}, or with --control."
        ) from error


def password_file() -> Path:
    """Return where the development superuser's password is kept, readable by its user."""
    return Path(settings.VAR_DIR) / "admin_password"


def _make_development_user() -> str:
    """Make the superuser of the embedded default, whose data is this checkout's alone."""
    write_once(password_file(), secrets.token_urlsafe(12))
    users = get_user_model().objects
    if not users.filter(username=DEVELOPMENT_USER).exists():
        users.create_superuser(
            username=DEVELOPMENT_USER, password=password_file().read_text()
        )
        return (
            f"development superuser: {DEVELOPMENT_USER}, password in {password_file()}"
        )
    return f"development superuser: {DEVELOPMENT_USER} is there already"
