"""Memory that web processes share, of which each has a place of its own.

Who starts them makes it and hands each the descriptor and its place in a variable of the
environment, as "descriptor:place". A process that was started alone has memory for itself.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Mapping


def make_memory(processes: int, bytes_each: int) -> int:
    """Return the descriptor of new memory, which stays open as long as this process."""
    with tempfile.TemporaryFile() as file:
        file.truncate(processes * bytes_each)
        return os.dup(file.fileno())


def map_memory(
    environment: Mapping[str, str], variable: str, bytes_each: int
) -> tuple[mmap.mmap, int]:
    """Return the memory that `variable` names, or of its own, and the place of this process."""
    if variable not in environment:
        return mmap.mmap(-1, bytes_each), 0
    descriptor, place = map(int, environment[variable].split(":"))
    return mmap.mmap(descriptor, os.fstat(descriptor).st_size), place
