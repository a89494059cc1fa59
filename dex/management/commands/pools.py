"""Show and extend the allow-list of pools."""

from __future__ import annotations

import asyncio
import getpass
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from solders.pubkey import Pubkey

from dex.allowing import allow_pool
from dex.chain import known_chain
from dex.errors import DexError
from dex.management.database import advice
from dex.models import Pool
from dex.pool_facts import PoolFacts, read_pool_facts
from dex.router import load_venues
from dex.solana.configured import configured_client

NO_REASON = "Added by `manage.py pools add`, without a reason."


class Command(BaseCommand):
    help = "Show the pools that orders may be routed through, or add one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="list the pools on the allow-list")
        add = actions.add_parser("add", help="read a pool from the chain and allow it")
        add.add_argument("address", type=_address)
        add.add_argument("--note", default="", help="shown in the admin")
        add.add_argument(
            "--disabled",
            action="store_true",
            help="add it switched off, also when no swap works in it now",
        )
        add.add_argument(
            "--reason", help="why it is allowed: recorded (default: the note)"
        )
        add.add_argument("--by", help="who says so (default: your login name)")
        for side in "ab":
            add.add_argument(
                f"--symbol-{side}", help=f"symbol of token {side.upper()}, if it is new"
            )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["action"] == "list":
                self._list()
            else:
                self._add(options)
        except DexError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(advice(error)) from error

    def _list(self) -> None:
        pools = Pool.objects.select_related("token_a", "token_b")
        if not pools:
            self.stdout.write(
                "No pools yet. Add one with `manage.py pools add ADDRESS`."
            )
            return
        rows = [(p.address, p.venue, _pair(p), _state(p), p.note) for p in pools]
        for row in (("address", "venue", "pair", "state", "note"), *rows):
            self.stdout.write("{:44}  {:8}  {:24}  {:14}  {}".format(*row).rstrip())

    def _add(self, options: dict[str, Any]) -> None:
        if len(options["note"]) > 200:
            raise CommandError("A note has at most 200 characters.")
        chain = known_chain()
        if chain is None:
            raise CommandError(
                "This database has not met its chain yet: run `manage.py prepare` first."
            )
        facts = asyncio.run(_read(options["address"], chain.genesis_hash))
        lines = allow_pool(
            facts,
            enabled=not options["disabled"],
            note=options["note"],
            symbols=(options["symbol_a"], options["symbol_b"]),
            by=options["by"] or getpass.getuser(),
            reason=options["reason"] or options["note"] or NO_REASON,
        )
        for line in lines:
            self.stdout.write(line)


async def _read(address: Pubkey, genesis_hash: str) -> PoolFacts:
    rpc = configured_client(genesis_hash)
    try:
        return await read_pool_facts(rpc, load_venues(), address)
    finally:
        await rpc.close()


def _pair(pool: Pool) -> str:
    return f"{pool.token_a}/{pool.token_b}"


def _state(pool: Pool) -> str:
    if not pool.enabled:
        return "disabled"
    tradable = pool.token_a.enabled and pool.token_b.enabled
    return "enabled" if tradable else "token disabled"


def _address(text: str) -> Pubkey:
    try:
        return Pubkey.from_string(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a Solana address") from None
