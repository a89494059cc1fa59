"""The processes of one checkout, in the order in which they start."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import time

from django.conf import settings
from django.core.management.base import CommandError

from dex.solana.wallet import create_wallet

from .asking import allowed_host, ask
from .console import Console
from .embedded import Postgres, Valkey
from .exclusive import LOCALNET_NODES, claim_localnet_ports
from .processes import POLL_S, Child, Supervisor, python
from .variation import Variation, names
from .webs import share, web_words

LOCALNET_TIMEOUT_S = 30.0
# A worker first ends the steps that it has begun.
DRAIN_PATIENCE_S = 30.0


class Site:
    """Starts everything through one supervisor, which stops it in reverse.

    The web processes accept from `listening`, which stays open when one of them dies.
    """

    def __init__(
        self,
        console: Console,
        supervisor: Supervisor,
        listening: socket.socket,
        variation: Variation = Variation(),  # noqa: B008 - frozen
    ) -> None:
        self._console = console
        self._supervisor = supervisor
        self._listening = listening
        self._variation = variation
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self._held = contextlib.ExitStack()  # the ports, until this process ends

    def start(self) -> None:
        """Raise InUse, EmbeddedError, DexError or CommandError, each for people."""
        self._start_servers()
        if settings.USES_OWN_LOCALNET:
            self._start_localnet()
        self._prepare()
        webs = self._variation.webs or settings.WEB_PROCESSES
        children = (
            *(self._worker(name) for name in names("worker", self._variation.workers)),
            *(self._keeper(name) for name in names("keeper", self._variation.keepers)),
            *share([self._web(name) for name in names("web", webs)], self._listening),
        )
        self._supervisor.start(*children)
        for child in children:
            self._say_started(child)

    def not_ready(self) -> str:
        """Return what the web process still misses; "" when it is ready."""
        try:
            status, answer = ask(settings.PORT, "GET", "/readyz", host=allowed_host())
        except (OSError, http.client.HTTPException, ValueError):
            return "web does not answer"
        if status == 200:
            return ""
        failed = {
            name: check["detail"]
            for name, check in answer.get("checks", {}).items()
            if not check["ok"]
        }
        return "; ".join(f"{name}: {detail}" for name, detail in failed.items())

    def wait_until_ready(self, within_s: float) -> None:
        """Wait until nothing is missing; what dies starts again. Raises CommandError."""
        give_up_at = time.monotonic() + within_s
        while missing := self.not_ready():
            self._supervisor.watch_once()
            if time.monotonic() > give_up_at:
                raise CommandError(
                    f"not ready after {within_s:g} s: {missing}. The logs are in "
                    f"{settings.EMBEDDED.logs}."
                )
            time.sleep(POLL_S)

    def _start_servers(self) -> None:
        for needed, kind in (
            (settings.USES_EMBEDDED_POSTGRES, Postgres),
            (settings.USES_EMBEDDED_VALKEY, Valkey),
        ):
            if needed:
                server = kind(settings.EMBEDDED)
                self._supervisor.start(server)
                self._console.line(server.name, f"started, log in {server.log}")

    def _start_localnet(self) -> None:
        port, claims = claim_localnet_ports(
            settings.LOCALNET_PORT, only=settings.LOCALNET_PORT_IS_CHOSEN
        )
        self._held.enter_context(claims)
        folder = settings.EMBEDDED.localnet
        folder.mkdir(parents=True, exist_ok=True)
        # For commands in another terminal: they read the same settings.
        (folder / "port").write_text(f"{port}\n")
        self._environment["LOCALNET_PORT"] = str(port)
        wallet = create_wallet(settings.WALLET_KEYPAIR)
        localnet = self._child(
            "localnet",
            *("localnet", "--port", str(port), "--nodes", str(LOCALNET_NODES)),
            *("--ledger", str(folder), "--market", "--fund", str(wallet.address)),
            *(
                word
                for dump in settings.LOCALNET_FORK
                for word in ("--fork", str(dump))
            ),
            *settings.LOCALNET_OPTIONS,
            *self._variation.localnet_options,
        )
        self._supervisor.start(localnet)
        for node in range(LOCALNET_NODES):
            _wait_for_node(localnet, port + 2 * node)
        self._say_started(localnet)

    def _prepare(self) -> None:
        prepare = self._child("prepare", "prepare")
        prepare.start()
        try:
            code = prepare.wait()
        finally:
            prepare.stop()
        if code != 0:
            raise CommandError("`manage.py prepare` failed: see the lines above.")

    def _worker(self, name: str) -> Child:
        return self._serving(
            name,
            *("manage.py", "rqworker", "orders", "--verbosity", "0"),
            *("--worker-class", "execution.worker.OrderWorker"),
            patience_s=DRAIN_PATIENCE_S,
        )

    def _keeper(self, name: str) -> Child:
        return self._serving(name, "manage.py", "keeper", patience_s=DRAIN_PATIENCE_S)

    def _web(self, name: str) -> Child:
        return self._serving(name, *web_words(self._listening))

    def _serving(self, name: str, *words: str, patience_s: float = 10) -> Child:
        command = python(*self._variation.launcher(name), *words)
        environment = {**self._environment, **self._variation.environment}
        return self._run(name, command, environment, patience_s)

    def _child(self, name: str, *arguments: str) -> Child:
        return self._run(name, python("manage.py", *arguments), self._environment)

    def _run(
        self,
        name: str,
        command: list[str],
        environment: dict[str, str],
        patience_s: float = 10,
    ) -> Child:
        return Child(
            name=name,
            command=command,
            environment=environment,
            folder=settings.BASE_DIR,
            log=settings.EMBEDDED.logs / f"{name}.log",
            console=self._console,
            patience_s=patience_s,
        )

    def _say_started(self, child: Child) -> None:
        if child.process is not None:
            self._console.line(child.name, f"started, process {child.process.pid}")


def _wait_for_node(localnet: Child, port: int) -> None:
    give_up_at = time.monotonic() + LOCALNET_TIMEOUT_S
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "getHealth"})
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            if ask(port, "POST", "/", body)[1].get("result") == "ok":
                return
        if not localnet.running() or time.monotonic() > give_up_at:
            raise CommandError("localnet did not start: see the lines above.")
        time.sleep(POLL_S)
