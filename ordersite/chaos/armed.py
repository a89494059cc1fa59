"""Run a worker, a keeper or the web process so that it can be made to die at named points.

    python -m ordersite.chaos.armed FILE manage.py keeper
    python -m ordersite.chaos.armed FILE -m ordersite.web … ordersite.asgi:application

Used by the fault run only. The code of the product has no hooks: here its functions are
replaced, in every module that took them, by ones that tell which point they reached.
"""

from __future__ import annotations

import functools
import importlib
import os
import runpy
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import django

from .points import Wish

# What the points are called, by the arguments of the call that reached them.
Names = Callable[..., Iterable[str]]


def arm(reach: Callable[[str], None]) -> Callable[[], None]:
    """Tell `reach` of every point of points.py that this process comes by.

    Returns a function that puts everything back.
    """
    from dex.solana.sender import Sender
    from dex.solana.wallet import Wallet
    from orders import claims, events, intake, journal, queue
    from orders.views import ExecuteView

    put_back = [
        wrap(journal, "write", reach, after=_before_commit),
        wrap(events, "publish", reach, before=_after_commit),
        wrap(claims, "_claim", reach, after=_named("claimed")),
        wrap(Wallet, "_signed", reach, after=_named("signed")),
        wrap(Sender, "send", reach, before=_first_send),
        wrap_async(Sender, "_send", reach, after=_named("after_first_send")),
        wrap(intake, "insert_orders", reach, after=_named("before_commit_pending")),
        wrap(queue, "enqueue", reach, before=_named("before_enqueue")),
        wrap(ExecuteView, "post", reach, after=_named("before_answer")),
    ]

    def disarm() -> None:
        for undo in put_back:
            undo()

    return disarm


def wrap(
    owner: Any,
    name: str,
    reach: Callable[[str], None],
    *,
    before: Names | None = None,
    after: Names | None = None,
) -> Callable[[], None]:
    """Replace a function by one that tells `reach` before or after it was called."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def armed(*args: Any, **kwargs: Any) -> Any:
        for point in before(*args, **kwargs) if before else ():
            reach(point)
        result = original(*args, **kwargs)
        for point in after(*args, **kwargs) if after else ():
            reach(point)
        return result

    _replace(owner, name, original, armed)
    return lambda: _replace(owner, name, armed, original)


def wrap_async(
    owner: Any, name: str, reach: Callable[[str], None], *, after: Names
) -> Callable[[], None]:
    """Replace a coroutine function by one that tells `reach` after it was awaited."""
    original = getattr(owner, name)

    @functools.wraps(original)
    async def armed(*args: Any, **kwargs: Any) -> Any:
        result = await original(*args, **kwargs)
        for point in after(*args, **kwargs):
            reach(point)
        return result

    _replace(owner, name, original, armed)
    return lambda: _replace(owner, name, armed, original)


def _replace(owner: Any, name: str, old: Any, new: Any) -> None:
    """Put it in its place, and wherever it was imported by name."""
    setattr(owner, name, new)
    for module in list(sys.modules.values()):
        # Not getattr(): modules that load parts of themselves late would do so now.
        if vars(module).get(name) is old:
            setattr(module, name, new)


def _named(point: str) -> Names:
    return lambda *args, **kwargs: (point,)


def _before_commit(steps: Iterable[Any]) -> list[str]:
    return [f"before_commit_{step.move.to}" for step in steps]


def _after_commit(event: Any) -> list[str]:
    # The web process's own COMMIT has other points.
    is_step = event.sequence > 1
    return [f"after_commit_{event.status}"] if is_step else []


def _first_send(sender: Any, tracked: Any) -> list[str]:
    return ["before_first_send"] if tracked.sent_at is None else []


def main(file: str, *command: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ordersite.settings")
    if command[0] == "-m":
        # Sets up Django as the web process needs it, before anything else does.
        importlib.import_module("ordersite.asgi")
    else:
        django.setup()
    # What takes these functions by name later takes them from the modules.
    arm(Wish(Path(file)).reach)
    if command[0] == "-m":
        sys.argv = list(command[1:])
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(command)
        runpy.run_path(command[0], run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
