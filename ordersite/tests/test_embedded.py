from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import redis
from django.conf import settings

from ordersite.embedded import EmbeddedError, Layout, Postgres, Valkey, secret_key

STARTS_AND_WAITS = """
import sys, time
from pathlib import Path
from ordersite.embedded import Layout, Postgres, Valkey
for kind in (Postgres, Valkey):
    server = kind(Layout(Path(sys.argv[1])))
    server.start()
    print(server.process.pid, flush=True)
time.sleep(60)
"""


def test_data_survives_a_restart(layout: Layout):
    postgres, valkey = Postgres(layout), Valkey(layout)
    postgres.start()
    valkey.start()
    with postgres._connect("orders") as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    with redis.Redis.from_url(layout.redis_url) as client:
        client.set("kept", 7)
    valkey.stop()
    postgres.stop()

    # A crash left the number of what is now an unrelated process.
    pid_file = postgres.data / "postmaster.pid"
    pid_file.write_text(f"{os.getppid()}\n{postgres.data}\n1\n5432\n\n\n0 0\nready\n")
    postgres.start()
    valkey.start()

    try:
        with postgres._connect("orders") as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
            shown = connection.execute("SHOW fsync").fetchone()
            assert shown == ("on",)
        with redis.Redis.from_url(layout.redis_url) as client:
            assert client.get("kept") == b"7"
    finally:
        valkey.stop()
        postgres.stop()
    assert not layout.sockets.exists()


def test_servers_end_with_the_process_that_started_them(layout: Layout):
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTS_AND_WAITS, str(layout.var_dir)],
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout is not None
    servers = [psutil.Process(int(starter.stdout.readline())) for _ in range(2)]
    backends = servers[0].children(recursive=True)
    assert backends

    starter.kill()
    starter.communicate()

    _, alive = psutil.wait_procs([*servers, *backends], timeout=15)
    assert alive == []


def test_a_start_ends_the_backends_of_a_killed_postmaster(layout: Layout):
    postgres = Postgres(layout)
    postgres.start()
    assert postgres.process is not None
    children = psutil.Process(postgres.process.pid).children()
    with postgres._connect("postgres") as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        # Frozen, it cannot notice that its postmaster is gone.
        os.kill(row[0], signal.SIGSTOP)
        postgres.process.kill()
        postgres.process.wait()
        psutil.wait_procs([c for c in children if c.pid != row[0]], timeout=10)
        os.kill(row[0], signal.SIGCONT)

        postgres.start()

    try:
        assert postgres.ready()
    finally:
        postgres.stop()


def test_a_socket_folder_that_others_may_enter_is_refused(layout: Layout):
    layout.sockets.mkdir(mode=0o755)

    with pytest.raises(EmbeddedError, match="must be a folder of this user"):
        Valkey(layout).start()


def test_a_socket_folder_that_is_a_link_is_refused(layout: Layout, tmp_path: Path):
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    layout.sockets.symlink_to(target)
    try:
        with pytest.raises(EmbeddedError, match="must be a folder of this user"):
            Valkey(layout).start()
    finally:
        layout.sockets.unlink()


def test_a_platform_without_wheels_is_named(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(platform, "machine", lambda: "sparc")

    with pytest.raises(EmbeddedError, match=r"no wheel of Valkey for Linux sparc.*Set"):
        Valkey(layout).start()


def test_a_server_that_cannot_start_says_why_in_its_own_words(layout: Layout):
    postgres = Postgres(layout)
    postgres.data.mkdir(parents=True)
    (postgres.data / "PG_VERSION").write_text("9\n")

    with pytest.raises(EmbeddedError, match=r"PostgreSQL did not start: .*log: "):
        postgres.start()

    assert postgres.process is None


def test_an_interrupted_first_start_is_begun_again(layout: Layout):
    unfinished = layout.var_dir / "postgres.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    postgres = Postgres(layout)

    postgres.start()

    postgres.stop()
    assert not unfinished.exists()


def test_every_path_of_a_socket_fits(tmp_path: Path):
    layout = Layout(tmp_path / ("long" * 60))

    assert len(f"{layout.sockets}/.s.PGSQL.5432.lock".encode()) <= 107


def test_two_checkouts_have_different_sockets(tmp_path: Path):
    assert Layout(tmp_path / "a").sockets != Layout(tmp_path / "b").sockets


def test_the_secret_key_is_made_once_and_is_private(tmp_path: Path):
    first = secret_key(tmp_path / "var")

    assert secret_key(tmp_path / "var") == first
    assert len(first) >= 50
    assert (tmp_path / "var" / "secret_key").stat().st_mode & 0o777 == 0o600
    assert len(list((tmp_path / "var").iterdir())) == 1
