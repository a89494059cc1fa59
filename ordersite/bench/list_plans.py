"""How long pages of a list take on a table of many orders, and how they are read.

    python -m ordersite.bench.list_plans --orders 10000000 --folder /tmp/lists

fills a PostgreSQL of its own in that folder, which is kept: run it again to look again.
Ten million orders take five minutes and 10 GB.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import django

from ordersite import embedded
from ordersite.isolation import isolate

REPEATS = 5


def main() -> None:
    options = _options()
    layout = embedded.Layout(options.folder.resolve() / "var")
    isolate(os.environ, layout.var_dir)
    os.environ["DATABASE_TIMEOUT_S"] = "600"  # filling is one statement
    os.environ["DJANGO_SETTINGS_MODULE"] = "ordersite.settings"
    postgres = embedded.Postgres(layout)
    postgres.start()
    try:
        django.setup()
        _prepare(options.orders)
        for line in _report(options.plans):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
    finally:
        postgres.stop()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, required=True, help="is kept")
    parser.add_argument("--plans", action="store_true", help="print each plan, too")
    return parser.parse_args()


def _prepare(orders: int) -> None:
    from django.core.management import call_command

    from .list_table import fill, is_filled

    call_command("migrate", verbosity=0)
    if not is_filled():
        fill(orders)


def _report(with_plans: bool) -> Iterator[str]:
    from .list_pages import PAGES, Page, positions

    yield "| page | first ms | then ms | orders | more |"
    yield "|---|---|---|---|---|"
    plans = []
    for depth, cursor in positions().items():
        for name, query in PAGES.items():
            page = Page(query | cursor)
            took_ms = []
            for _ in range(REPEATS):
                began = time.perf_counter()
                page.read()
                took_ms.append((time.perf_counter() - began) * 1000)
            first, then = took_ms[0], sorted(took_ms[1:])[(REPEATS - 1) // 2]
            shown = f"{len(page.orders)} | {'yes' if page.next_cursor else 'no'}"
            yield f"| {name}, {depth} | {first:.1f} | {then:.1f} | {shown} |"
            plans += [f"\n## {name}, {depth}", *page.plans()]
    if with_plans:
        yield from plans


if __name__ == "__main__":
    main()
