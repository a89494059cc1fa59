"""Python's garbage collector in processes that run for days."""

from __future__ import annotations

import gc

# New objects between two looks; and of the looks, how many until older ones are included.
THRESHOLDS = (5_000, 10, 20)


def calm_collector() -> None:
    """Leave everything that is loaded by now out of the collector's walks for good.

    Call it once, when a process has started. Code and settings are hundreds of thousands
    of objects that live as long as the process; walking through them took a tenth of the
    CPU time of an order. What orders leave behind is still collected.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def begin_loading() -> None:
    """Look for no garbage until `end_loading()`: code that is loaded leaves almost none.

    Looking for it took a third of the CPU time of a start.
    """
    gc.disable()


def end_loading() -> None:
    """Collect again, and leave what is loaded by now out of the collector's walks.

    A command that ends soon would walk through it once more, at its end.
    """
    gc.freeze()
    gc.enable()
