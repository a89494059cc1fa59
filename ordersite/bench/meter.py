"""What processes cost: their CPU time and memory by role, as Linux counts them."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
SAMPLE_EVERY_S = 2.0
GENERATOR = "generator"
# By a word of the command line of a process or of the nearest one above it.
ROLES = {
    "ordersite.bench.generator": GENERATOR,
    "ordersite.web": "web",
    "rqworker": "worker",
    "keeper": "keeper",
    "localnet": "localnet",
    "postgres": "postgres",
    "valkey-server": "redis",
    "redis-server": "redis",
}
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Usage:
    """One process: who started it, and its CPU time with that of its ended children."""

    parent: int
    cpu_ms: float


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of a role at one moment, or the most of it at any.

    `pss_mib` shares out what several processes have in common; `rss_mib` is the largest
    single process, with all that it shares.
    """

    pss_mib: float = 0.0
    rss_mib: float = 0.0
    processes: int = 0


def usages() -> dict[int, Usage]:
    """Read all processes of this machine."""
    found: dict[int, Usage] = {}
    if not PROC.is_dir():
        return found  # no Linux: nothing is known
    for name in os.listdir(PROC):
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError):
            # The second field is the name in brackets, which may hold anything.
            rest = (PROC / name / "stat").read_text().rpartition(")")[2].split()
            ticks = sum(map(int, rest[11:15]))  # utime stime cutime cstime
            found[int(name)] = Usage(int(rest[1]), ticks * TICK_MS)
    return found


def role_of(command: list[str]) -> str:
    """Say what a process is by its command line; "" when that does not tell."""
    for word in command:
        if role := ROLES.get(os.path.basename(word)):
            return role
    return ""


class Meter:
    """Watches everything below a process, and some processes more, by role.

    What has no role of its own has that of its parent.
    """

    def __init__(self, root: int | None, *also: int) -> None:
        self._root = root
        self._also = also
        self._roles: dict[int, str] = {}
        self._peaks: dict[str, Memory] = defaultdict(Memory)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample_on, daemon=True)

    def cpu_ms(self) -> Mapping[str, float]:
        """Return the CPU time so far by role; what ended counts where it was awaited."""
        total: Counter[str] = Counter()
        found = usages()
        for pid in self._below(found):
            total[self._role(pid, found)] += found[pid].cpu_ms  # type: ignore[assignment]
        return total

    def peaks(self) -> Mapping[str, Memory]:
        """Return the largest memory by role since the start or the last reset."""
        return dict(self._peaks)

    def memory(self, over_s: float = 0.0) -> Mapping[str, Memory]:
        """Return the memory of every role, now or within the next `over_s` seconds."""
        found = usages()
        held: dict[str, list[tuple[int, int]]] = defaultdict(list)
        pids = self._below(found)
        if not pids:
            self._stop.wait(over_s)
        for pid in pids:
            self._stop.wait(over_s / len(pids))
            pss, rss = memory_kib(pid)
            if rss:  # it is still there
                held[self._role(pid, found)].append((pss, rss))
        return {
            role: Memory(
                sum(pss for pss, _ in kib) / 1024,
                max(rss for _, rss in kib) / 1024,
                len(kib),
            )
            for role, kib in held.items()
        }

    def sample(self, over_s: float = 0.0) -> None:
        """Look once, as memory() does, and keep what is more than before."""
        for role, now in self.memory(over_s).items():
            before = self._peaks[role]
            self._peaks[role] = Memory(
                max(before.pss_mib, now.pss_mib),
                max(before.rss_mib, now.rss_mib),
                max(before.processes, now.processes),
            )

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Look on until the block ends, and once more then.

        The processes come in turn, spread over two seconds: a look at all of them takes a
        core for 60 ms, for which those that are measured would wait.
        """
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join()

    def _sample_on(self) -> None:
        while not self._stop.is_set():
            self.sample(SAMPLE_EVERY_S)
        self.sample()

    def _below(self, found: Mapping[int, Usage]) -> list[int]:
        children: dict[int, list[int]] = defaultdict(list)
        for pid, usage in found.items():
            children[usage.parent].append(pid)
        below: dict[int, None] = {}
        waiting = [pid for pid in self._also if pid in found]
        if self._root is not None:
            waiting += children[self._root]
        while waiting:
            pid = waiting.pop()
            if pid not in below:
                below[pid] = None
                waiting += children[pid]
        return list(below)

    def _role(self, pid: int, found: Mapping[int, Usage]) -> str:
        if pid not in self._roles:
            role = ""
            with contextlib.suppress(OSError):
                raw = (PROC / str(pid) / "cmdline").read_bytes()
                # Servers that show what they do put it all into one word.
                role = role_of(raw.decode(errors="replace").replace("\0", " ").split())
            parent = found[pid].parent
            if not role and parent != self._root and parent in found:
                role = self._role(parent, found)
            self._roles[pid] = role or OTHER
        return self._roles[pid]


def memory_kib(pid: int) -> tuple[int, int]:
    """Return the proportional and the resident memory of a process; 0 when it is gone."""
    try:
        resident = int((PROC / str(pid) / "statm").read_text().split()[1]) * PAGE_KIB
    except OSError:
        return 0, 0
    with contextlib.suppress(OSError):  # of another user
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]), resident
    return resident, resident
