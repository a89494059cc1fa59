"""What a run may have otherwise than `manage.py up`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Variation:
    """How many processes there are, and what is put before or beside their commands.

    `launcher` gives, by a process's name, what stands between the interpreter and the
    command of a worker, a keeper or the web process; `environment` is added to theirs.
    """

    localnet_options: Sequence[str] = ()
    workers: int = 1
    keepers: int = 1
    webs: int | None = None  # None: as many as WEB_PROCESSES says
    launcher: Callable[[str], Sequence[str]] = lambda name: ()
    environment: Mapping[str, str] = field(default_factory=dict)


def names(role: str, count: int) -> list[str]:
    """Return the names of the processes of a role: without a number while one is enough."""
    if count == 1:
        return [role]
    return [f"{role}-{number}" for number in range(1, count + 1)]
