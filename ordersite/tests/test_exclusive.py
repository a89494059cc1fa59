from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ordersite.exclusive import (
    LOCALNET_PORTS,
    InUse,
    claim_localnet_ports,
    claim_web_port,
    lock_data,
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_second_holder_of_the_data_is_refused_with_the_first_ones_id(tmp_path: Path):
    with lock_data(tmp_path), pytest.raises(InUse, match=r"\(process \d+\)"):
        lock_data(tmp_path)


def test_a_stale_lock_file_is_harmless(tmp_path: Path):
    (tmp_path / "up.lock").write_text("1\n")

    lock_data(tmp_path).close()


def test_a_port_that_somebody_listens_on_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(InUse, match=f"Port {port} is in use.*PORT="):
            claim_web_port(port)


def test_a_port_that_another_one_is_about_to_use_is_refused():
    port = free_port()

    with claim_web_port(port), pytest.raises(InUse):
        claim_web_port(port)
    claim_web_port(port).close()


def test_localnet_stays_on_ports_that_were_chosen_and_says_when_they_are_taken():
    # Half of a port that the kernel gives away is one that it gives to nobody.
    free, claim = claim_localnet_ports(free_port() // 2)
    claim.close()
    with (
        socket.create_server(("127.0.0.1", free + 1)),
        pytest.raises(InUse, match=f"{free} to .*another LOCALNET_PORT"),
    ):
        claim_localnet_ports(free, only=True)

    chosen, claim = claim_localnet_ports(free, only=True)
    claim.close()
    assert chosen == free


def test_localnet_moves_on_from_ports_that_are_taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        first, claim = claim_localnet_ports(taken - 1)
        with claim:
            second, another = claim_localnet_ports(first)
            another.close()

    assert first >= taken - 1 + LOCALNET_PORTS
    assert second >= first + LOCALNET_PORTS
