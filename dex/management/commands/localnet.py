"""Run localnet: a small chain in one process, for development and tests."""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from solders.pubkey import Pubkey

from dex.collector import calm_collector
from dex.localnet.faults.rules import BadRule, rule_from_text
from dex.localnet.fork.dumps import BadDump
from dex.localnet.fork.load import load_fork
from dex.localnet.fork.report import report
from dex.localnet.network import Network
from dex.localnet.real_programs import ProgramsUnusable, RealPrograms
from dex.localnet.server import serving
from dex.localnet.slots import SLOTS_TO_FINALIZE
from dex.localnet.store import LedgerUnusable

MAX_NODES = 16


class Command(BaseCommand):
    help = "Run a small Solana-like chain with pools of Raydium and Meteora."
    # It needs no database: the ledger is a file of its own.
    requires_system_checks: list[str] = []  # noqa: RUF012

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument(
            "--port",
            type=int,
            default=settings.LOCALNET_PORT,
            help="port of the first node; the next ones take every second port above "
            "(0: any free ports)",
        )
        parser.add_argument(
            "--nodes", type=int, default=2, help="addresses that serve the one ledger"
        )
        parser.add_argument(
            "--ledger",
            type=Path,
            default=settings.VAR_DIR / "localnet",
            help="folder that holds the ledger",
        )
        parser.add_argument("--slot-time", type=float, default=0.4, help="seconds")
        parser.add_argument(
            "--slots-to-confirm",
            type=int,
            default=1,
            help="slots until a landed transaction counts as confirmed (default 1; 0: at "
            "once)",
        )
        parser.add_argument(
            "--slots-to-finalize",
            type=int,
            default=SLOTS_TO_FINALIZE,
            help="slots until it counts as finalized (default 32, as on real chains)",
        )
        parser.add_argument(
            "--fault",
            action="append",
            default=[],
            type=_fault,
            metavar="KIND,MEMBER=VALUE,…",
            help="a fault to start with, such as hide,node=1,probability=0.1 (repeatable)",
        )
        parser.add_argument(
            "--landing-delay",
            type=float,
            default=0.0,
            help="seconds between sending and landing",
        )
        parser.add_argument(
            "--drop-rate",
            type=float,
            default=0.0,
            help="share of sent transactions that never land (0 to 1)",
        )
        parser.add_argument(
            "--pause",
            action="append",
            default=[],
            choices=["raydium", "meteora"],
            help="switch this venue's swaps off (repeatable)",
        )
        parser.add_argument(
            "--market",
            action="store_true",
            default=True,
            help="let small swaps of others move the prices (default)",
        )
        parser.add_argument("--no-market", action="store_false", dest="market")
        parser.add_argument("--seed", type=int, default=0, help="of market and faults")
        parser.add_argument(
            "--control", action="store_true", help="offer the localnet_… methods"
        )
        parser.add_argument(
            "--fund",
            action="append",
            default=[],
            type=_address,
            metavar="PUBKEY",
            help="wallet to keep funded (repeatable)",
        )
        parser.add_argument(
            "--fork",
            action="append",
            default=[],
            type=Path,
            metavar="FILE.json",
            help="copy the pools of this account dump into the ledger (repeatable)",
        )
        parser.add_argument(
            "--programs",
            type=Path,
            default=settings.LOCALNET_PROGRAMS or None,
            metavar="DIR",
            help="run the <program id>.so files of this folder instead of localnet's own",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        _check(options)
        try:
            fork = load_fork(options["fork"])
            folder = options["programs"]
            programs = None if folder is None else RealPrograms.load(folder)
            network = Network.open(
                options["ledger"],
                nodes=options["nodes"],
                slot_time_s=options["slot_time"],
                slots_to_confirm=options["slots_to_confirm"],
                slots_to_finalize=options["slots_to_finalize"],
                faults=options["fault"],
                landing_delay_s=options["landing_delay"],
                drop_rate=options["drop_rate"],
                paused_venues=options["pause"],
                market=options["market"],
                seed=options["seed"],
                control=options["control"],
                fund=options["fund"],
                fork=fork,
                programs=programs,
            )
        except (LedgerUnusable, BadRule, BadDump, ProgramsUnusable) as error:
            raise CommandError(str(error)) from None
        try:
            for line in report(fork, network.ledger):
                self.stdout.write(line)
            for program in sorted(map(str, programs.programs if programs else ())):
                self.stdout.write(f"runs the dumped program {program}")
            calm_collector()
            asyncio.run(self._serve(network, options["host"], options["port"]))
        finally:
            network.ledger.close()

    async def _serve(self, network: Network, host: str, port: int) -> None:
        """Serve until SIGTERM or SIGINT, or until the ledger cannot be written."""
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        ports = [port and port + 2 * node.index for node in network.nodes]
        async with contextlib.AsyncExitStack() as stack:
            try:
                urls = await stack.enter_async_context(
                    serving(network, host=host, ports=ports)
                )
            except OSError as error:
                raise CommandError(
                    f"Cannot listen on {host}, ports {ports}: {error.strerror}. "
                    "Choose other ports with --port, or an address of this machine "
                    "with --host."
                ) from None
            self.stdout.write(f"localnet ready: {' '.join(urls)}")
            self.stdout.flush()
            waiting = [
                asyncio.create_task(event.wait())
                for event in (stopping, network.broken)
            ]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                task.cancel()
        if network.broken.is_set():
            raise CommandError("The ledger cannot be written; see the log above.")


def _address(text: str) -> Pubkey:
    try:
        return Pubkey.from_string(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a Solana address") from None


def _fault(text: str) -> dict[str, Any]:
    try:
        return rule_from_text(text)
    except BadRule as error:
        raise ArgumentTypeError(str(error)) from None


def _check(options: dict[str, Any]) -> None:
    """Refuse values that make no sense; CommandError names the option."""
    finalize, last_port = options["slots_to_finalize"], 65_536 - 2 * options["nodes"]
    rules = {
        "nodes": (1 <= options["nodes"] <= MAX_NODES, f"from 1 to {MAX_NODES}"),
        "port": (
            0 <= options["port"] <= last_port,
            f"from 0 (any) to {last_port}, for each node needs two",
        ),
        "slot-time": (0 < options["slot_time"] < math.inf, "above 0 s"),
        "slots-to-finalize": (1 <= finalize <= 300, "from 1 to 300"),
        "slots-to-confirm": (
            0 <= options["slots_to_confirm"] < finalize,
            f"from 0 to {finalize - 1}, below --slots-to-finalize",
        ),
        "landing-delay": (0 <= options["landing_delay"] < math.inf, "0 s or more"),
        "drop-rate": (0 <= options["drop_rate"] <= 1, "from 0 to 1"),
    }
    for name, (holds, range_) in rules.items():
        if not holds:
            value = options[name.replace("-", "_")]
            raise CommandError(f"--{name} cannot be {value}; it must be {range_}.")
