"""How to run PostgreSQL as root, which it refuses."""

from __future__ import annotations

import functools
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .layout import EmbeddedError

NOBODY = 65534


@dataclass(frozen=True)
class Disguise:
    """A command prefix under which a process is not root, and the files it then owns."""

    prefix: tuple[str, ...]
    file_owner: int


# In a user namespace of its own, root is called nobody and still owns root's files.
NAMESPACE = Disguise(
    ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--"), 0
)
# Where such namespaces are forbidden, as in many containers: really nobody, who may
# still pass through root's folders (a checkout below /root is closed to others).
NOBODY_WITH_ACCESS = Disguise(
    (
        "setpriv",
        *(f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
        *("--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"),
        *("--bounding-set=-all,+dac_override", "--"),
    ),
    NOBODY,
)


def disguise(binary: Path) -> Disguise:
    """Return the first way that can run `binary` here. Raises EmbeddedError."""
    if os.getuid() != 0:
        return Disguise((), os.getuid())
    return _disguise_of_root(binary)


@functools.cache
def _disguise_of_root(binary: Path) -> Disguise:
    reasons = []
    for candidate in (NAMESPACE, NOBODY_WITH_ACCESS):
        try:
            subprocess.run(
                [*candidate.prefix, str(binary), "--version"],
                check=True,
                capture_output=True,
                text=True,
                timeout=20,
            )
        except subprocess.CalledProcessError as error:
            reasons.append(" ".join(error.stderr.split()))
        except (OSError, subprocess.TimeoutExpired) as error:
            reasons.append(str(error))
        else:
            return candidate
    raise EmbeddedError(
        "PostgreSQL refuses to run as root, and no way around it works here "
        f"({'; '.join(reasons)}). Use an ordinary user, or set DATABASE_URL."
    )


def give(folder: Path, owner: int) -> None:
    """Make `owner` the owner of a folder and of everything in it, where root may."""
    if os.getuid() != 0 or folder.stat().st_uid == owner:
        return
    for parent, _, files in os.walk(folder):
        for name in files:
            os.chown(Path(parent, name), owner, owner, follow_symlinks=False)
        # Last, so that an interrupted walk starts again with its folder.
        os.chown(parent, owner, owner)
