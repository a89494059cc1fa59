"""Run a worker or a keeper that writes down how many orders it claims.

    python -m ordersite.bench.counted FILE manage.py keeper

Used by the benchmark only: an order that has ended does not say who carried it.
"""

from __future__ import annotations

import functools
import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

CLAIMING = ("claim_orders", "claim_overdue", "claim_suspect", "claim_for_watching")


def count_claims(note: Callable[[int], None]) -> Callable[[], None]:
    """Tell `note` of every claim of this process how many orders it brought.

    Returns a function that puts everything back.
    """
    from orders import claims

    originals = {name: getattr(claims, name) for name in CLAIMING}
    for name, original in originals.items():
        setattr(claims, name, _counted(original, note))

    def put_back() -> None:
        for name, original in originals.items():
            setattr(claims, name, original)

    return put_back


def _counted(
    claim: Callable[..., Any], note: Callable[[int], None]
) -> Callable[..., Any]:
    @functools.wraps(claim)
    def counted(*args: Any, **kwargs: Any) -> Any:
        claimed = claim(*args, **kwargs)
        if claimed:
            note(len(claimed) if isinstance(claimed, list) else 1)
        return claimed

    return counted


def noted(file: Path) -> int:
    """Return how many orders the processes that wrote a file have claimed."""
    try:
        return sum(map(int, file.read_text().split()))
    except FileNotFoundError:
        return 0


def main(file: str, *command: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ordersite.settings")
    django.setup()
    descriptor = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def note(count: int) -> None:
        # One write of a file that is only appended to: threads may do it at once.
        os.write(descriptor, f"{count}\n".encode())

    count_claims(note)
    sys.argv = list(command)
    runpy.run_path(command[0], run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
