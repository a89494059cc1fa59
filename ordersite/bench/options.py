"""The options of the benchmark's command, with what holds where they are not given."""

from __future__ import annotations

import os
from argparse import SUPPRESS, ArgumentParser, RawDescriptionHelpFormatter
from dataclasses import fields
from pathlib import Path

from django.core.management.base import DjangoHelpFormatter

from .plan import AFTER, LIVE, LOADS, SHAPES, TARGETS, Plan

# The option, the member of Plan, its type, and what it is.
OPTIONS: tuple[tuple[str, str, type, str], ...] = (
    ("--orders", "orders", int, "orders that are counted"),
    ("--concurrency", "concurrency", int, "orders in flight, or requests at once"),
    ("--rate", "rate_per_s", float, "orders a second (open)"),
    ("--sockets", "sockets", int, "shared or idle sockets"),
    ("--readers", "readers", int, "clients that read lists of orders meanwhile"),
    ("--warmup", "warmup", int, "orders before the clock starts"),
    ("--every", "every", int, "orders between two looks at CPU and memory; 0: none"),
    ("--hold", "hold_s", float, "seconds for which idle sockets are held"),
    ("--seed", "seed", int, "of amounts, arrivals and localnet"),
    ("--web-processes", "web_processes", int, "web processes"),
    ("--workers", "workers", int, "workers"),
    ("--keepers", "keepers", int, "keepers"),
    ("--landing-delay", "landing_delay_s", float, "seconds from sending to landing"),
    ("--slots-to-confirm", "slots_to_confirm", int, "0: confirmed as soon as landed"),
    ("--in-flight", "orders_in_flight", int, "orders that one worker carries at once"),
)


class ShapesHelp(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Keep the shapes one a line."""


def add_options(parser: ArgumentParser) -> None:
    """Give the benchmark's command its shapes and options.

    What Plan has is None unless it is given, so that the shape's own counts.
    """
    parser.formatter_class = ShapesHelp
    lines = (f"  {shape:<10}{LOADS[shape]}" for shape in SHAPES)
    parser.epilog = "\n".join(["shapes:", *lines])
    parser.add_argument(
        "shapes",
        nargs="*",
        metavar="shape",
        help=f"one of those below (default: {' '.join(TARGETS)})",
    )
    for option, member, kind, what in OPTIONS:
        said = f"{what} ({default_of(member)})"
        parser.add_argument(option, dest=member, type=kind, help=said, metavar="N")
    parser.add_argument(
        "--follow",
        choices=[LIVE, AFTER],
        help="hear each order's events as they happen, or read them after all ended "
        f"({default_of('follow')})",
    )
    parser.add_argument(
        "--all-pairs",
        action="store_const",
        const=True,
        help="swap in all pools, not only A and B",
    )
    parser.add_argument(
        "--repeat",
        type=int,
        default=1,
        help="runs of each shape (default: %(default)s)",
    )
    parser.add_argument("--url", help="measure an engine that runs, as it is")
    parser.add_argument(
        "--up",
        type=int,
        metavar="PID",
        help="with --url: the process of its `manage.py up`, to know its CPU",
    )
    parser.add_argument(
        "--key",
        default=os.environ.get("BENCH_KEY", ""),
        help="with --url: an API key that may read and trade (default: BENCH_KEY)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="file of the JSON lines (default: bench/runs.jsonl in VAR_DIR)",
    )
    parser.add_argument("--label", default="", help="a note for the JSON line")
    parser.add_argument(
        "--keep", action="store_true", help="keep the folders of runs that went well"
    )
    parser.add_argument("--plan", help=SUPPRESS)


def default_of(member: str) -> str:
    """Say what a member of Plan is by default: `default: 100; unloaded: 1`."""
    usual = next(field.default for field in fields(Plan) if field.name == member)
    own = [
        f"{shape}: {_short(getattr(plan, member))}"
        for shape, plan in SHAPES.items()
        if getattr(plan, member) != usual
    ]
    return "; ".join([f"default: {_short(usual)}", *own])


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
