"""How many files, and so connections, a run may have open."""

from __future__ import annotations

import resource

from django.core.management.base import CommandError

SPARE_FILES = 1_000


def allow_files(connections: int) -> None:
    """Let this process and its children hold so many at once. Raises CommandError."""
    count = connections + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= count:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, max(hard, count)))
    except (ValueError, OSError):
        raise CommandError(
            f"This needs {count} open files, and this user may have {hard}: raise "
            "`ulimit -n`, or ask for fewer --sockets."
        ) from None
