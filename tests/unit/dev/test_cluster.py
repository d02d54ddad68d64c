"""Nodes in namespaces: own names, addresses and loopbacks, a link that goes down, and a power cut."""

import subprocess
import sys
import time

import psutil
import pytest

from dev import cluster

pytestmark = pytest.mark.skipif(
    not cluster.permitted(), reason="namespaces are not permitted here (root, iproute2 and util-linux)"
)
SERVER = """
import socket
listener = socket.create_server(("", 5555))
print("listening", flush=True)
while True:
    listener.accept()[0].send(socket.gethostname().encode())
"""
CLIENT = "import socket; print(socket.create_connection(('node1', 5555), 2).recv(99).decode())"


@pytest.fixture
def nodes():
    with cluster.Nodes(2) as nodes:
        yield nodes


def asked(nodes, number):
    """Return what a client on a node gets from the server on node 1; None without an answer."""
    command = nodes.command(number, [sys.executable, "-c", CLIENT])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


@pytest.fixture
def server(nodes):
    command = nodes.command(1, [sys.executable, "-c", SERVER])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "listening\n"
        yield process
        process.kill()


def test_a_node_is_reached_by_its_name_until_its_link_is_down(nodes, server):
    assert asked(nodes, 0) == asked(nodes, 1) == "node1"
    nodes.link(1, up=False)
    assert asked(nodes, 0) is None
    assert asked(nodes, 1) == "node1", "the node itself goes on"
    nodes.link(1, up=True)
    assert asked(nodes, 0) == "node1"


def test_a_power_cut_ends_the_processes_of_a_node_alone_and_it_comes_back_empty(nodes, server):
    other = subprocess.Popen(nodes.command(0, ["sleep", "600"]))
    [seen] = [process for process in nodes.processes(1) if process.name().startswith("python")]
    nodes.power_off(1)
    assert server.wait(timeout=10) != 0 and not seen.is_running()
    assert nodes.processes(1) == [] and asked(nodes, 0) is None
    nodes.power_on(1)
    assert nodes.processes(1) == [] and other.poll() is None
    nodes.kill(0)
    assert nodes.processes(0) == [] and other.wait(timeout=10) != 0


def test_nothing_is_left_of_nodes(nodes):
    sleeper = subprocess.Popen(nodes.command(0, ["sleep", "600"]))
    while not nodes.processes(0):
        time.sleep(0.05)
    seen = [process for number in (0, 1) for process in nodes.processes(number)]
    nodes.__exit__(None, None, None)
    sleeper.wait(timeout=10)
    assert seen and not any(process.is_running() for process in seen)
    assert not [child for child in psutil.Process().children() if child.name() == "unshare"]
