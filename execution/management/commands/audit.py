"""Check every rule over the whole database and over the wallet's own transactions."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from solders.pubkey import Pubkey

from dex.chain import known_chain
from dex.errors import DexError
from dex.halting import Violation
from dex.management.database import advice
from dex.models import Chain
from dex.solana.configured import configured_client
from dex.solana.rpc import RpcClient
from execution.audit.findings import halt_on, standing
from execution.audit.landed import Ledger
from execution.audit.ledger_rules import (
    FURTHER_RULES,
    LEDGER_RULES,
    judge,
    missing_swaps,
)
from execution.audit.rules import TABLE_RULES, broken_rules, every_order
from execution.audit.wallet_ledger import look_up, read_ledger
from execution.wallet_signatures import Point

SHOWN = 5
# The settings' limit is for requests; this reads everything there is.
STATEMENT_TIMEOUT = "10min"
BROKEN, NOT_AUDITED = 1, 2


class Command(BaseCommand):
    help = (
        "Check the invariants over the database and over the wallet's transactions on "
        "the chain. Exit code 1: a rule is broken. 2: it could not be checked."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--no-ledger", action="store_true", help="the database alone"
        )
        parser.add_argument(
            "--no-halt",
            action="store_true",
            help="report only: do not halt trading on what is found",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with_ledger = not options["no_ledger"]
        try:
            found = self._audit(with_ledger=with_ledger)
            left = standing(found)
            halted = not options["no_halt"] and halt_on(left)
        except DexError as error:
            raise CommandError(str(error), returncode=NOT_AUDITED) from error
        except DatabaseError as error:
            raise CommandError(advice(error), returncode=NOT_AUDITED) from error
        self._report(found, set(found) - set(left), with_ledger=with_ledger)
        self.stdout.write(_verdict(left, len(found) - len(left), halted=halted))
        if left:
            raise SystemExit(BROKEN)

    def _audit(self, *, with_ledger: bool) -> list[Violation]:
        chain = known_chain()
        if chain is None:
            raise CommandError(
                "This database has not met its chain yet: run `manage.py prepare` first.",
                returncode=NOT_AUDITED,
            )
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'")
        found = list(broken_rules(every_order()))
        self.stdout.write(f"{every_order().count()} orders in the database")
        if with_ledger:
            ledger = _read_ledger(chain)
            count = len(ledger.landed)
            self.stdout.write(f"{count} transactions of the wallet {chain.wallet}")
            found += judge(ledger)
        with connection.cursor() as cursor:
            cursor.execute("RESET statement_timeout")
        return found

    def _report(
        self, found: Sequence[Violation], known: set[Violation], *, with_ledger: bool
    ) -> None:
        says = {name: rule.says for name, rule in TABLE_RULES.items()}
        if with_ledger:
            says |= {name: rule.says for name, rule in LEDGER_RULES.items()}
            says |= FURTHER_RULES
        counts = Counter(violation.rule for violation in found)
        for name, sentence in says.items():
            self.stdout.write(f"{counts[name]:6}  {name:26}  {sentence}")
            broken = [violation for violation in found if violation.rule == name]
            for violation in broken[:SHOWN]:
                mark = " (accepted)" if violation in known else ""
                self.stdout.write(
                    f"        {violation.subject}{mark}: {violation.detail}"
                )
            if len(broken) > SHOWN:
                self.stdout.write(f"        … and {len(broken) - SHOWN} more")


def _verdict(left: Sequence[Violation], known: int, *, halted: bool) -> str:
    accepted = f" ({known} more were accepted)" if known else ""
    if not left:
        return f"Every rule holds{accepted}."
    rules = len({violation.rule for violation in left})
    verdict = f"{len(left)} violations of {rules} rules{accepted}."
    if halted:
        verdict += (
            " Trading is halted. Once it is explained, let it go on in the admin or with "
            "`manage.py resume_trading --reason …`."
        )
    return verdict


def _read_ledger(chain: Chain) -> Ledger:
    """Read the wallet's transactions; what one node lacks is looked up at the others."""
    wallet = Pubkey.from_string(chain.wallet)
    since = Point(chain.baseline_signature, chain.baseline_slot)
    ledger = asyncio.run(_ask(chain, lambda rpc: read_ledger(rpc, wallet, since)))
    missing = missing_swaps(ledger)
    if not missing:
        return ledger
    return asyncio.run(_ask(chain, lambda rpc: look_up(rpc, wallet, ledger, missing)))


async def _ask(chain: Chain, ask: Callable[[RpcClient], Awaitable[Ledger]]) -> Ledger:
    rpc = configured_client(chain.genesis_hash)
    try:
        return await ask(rpc)
    finally:
        await rpc.close()
