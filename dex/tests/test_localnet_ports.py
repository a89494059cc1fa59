"""Each node listens on two adjacent ports: HTTP, and WebSocket on the next."""

from __future__ import annotations

import socket

import pytest

from dex.localnet.network import Network
from dex.localnet.ports import listen_in_pairs
from dex.localnet.server import serving

HOST = "127.0.0.1"


def test_any_pair_is_adjacent():
    first, second = listen_in_pairs(HOST, 0)

    assert second.getsockname()[1] == first.getsockname()[1] + 1
    first.close()
    second.close()


def test_a_taken_neighbour_is_an_error_and_leaves_nothing_open():
    first, second = listen_in_pairs(HOST, 0)
    port = first.getsockname()[1]
    first.close()
    second.listen()

    with pytest.raises(OSError, match="in use"):
        listen_in_pairs(HOST, port)

    again = socket.socket()
    again.bind((HOST, port))
    again.close()
    second.close()


async def test_a_network_whose_second_node_finds_no_port_serves_nothing(tmp_path):
    taken, neighbour = listen_in_pairs(HOST, 0)
    taken.listen()
    network = Network.open(tmp_path)

    with pytest.raises(OSError, match="in use"):
        async with serving(network, host=HOST, ports=[0, taken.getsockname()[1]]):
            pass

    network.ledger.close()
    taken.close()
    neighbour.close()
