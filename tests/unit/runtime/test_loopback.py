"""torch's rendezvous of one machine listens on loopback alone. Each case is a process of its own: a patch stays."""

import json
import os
import subprocess
import sys

import pytest

from passk.experiment.compute import Compute
from passk.openrlhf.__main__ import runtime_environment
from passk.runtime import loopback
from passk.runtime.environment import environment
from passk.runtime.ports import free_port
from tests.unit.each import every

LISTENING = """
import json, os, psutil
def listening(pid):
    found = psutil.Process(pid).net_connections(kind="inet")
    return sorted({socket.laddr.ip for socket in found if socket.status == psutil.CONN_LISTEN})
"""
STORES = f"""
from datetime import timedelta
{LISTENING}
from passk.runtime import worker_setup
worker_setup.install()
import torch.distributed as dist
worker_setup.install()
results = {{}}
one = dist.TCPStore("127.0.0.1", 0, None, True, timedelta(seconds=20))
results["by position"] = listening(os.getpid())
peer = dist.TCPStore("127.0.0.1", one.port, is_master=False, timeout=timedelta(seconds=20))
peer.set("a", "b")
results["peer"] = one.get("a").decode()
again = dist.TCPStore("127.0.0.1", PORT, is_master=True, multi_tenant=True)
shared = dist.TCPStore("127.0.0.1", PORT, is_master=True, multi_tenant=True)
shared.set("c", "d")
results["shared"] = again.get("c").decode()
local = dist.TCPStore(host_name="localhost", port=0, is_master=True, use_libuv=False, wait_for_workers=False)
results["several"] = listening(os.getpid())
try:
    dist.TCPStore("127.0.0.1", one.port, is_master=True, wait_for_workers=False)
except RuntimeError as error:
    results["taken"] = type(error).__name__
wide = dist.TCPStore(WIDE, 0, is_master=True, wait_for_workers=False)
results["another address"] = listening(os.getpid())
print(json.dumps(results))
"""
GROUP = f"""
{LISTENING}
from passk.runtime import worker_setup
worker_setup.install()
import torch, torch.distributed as dist
dist.init_process_group("gloo")
total = torch.ones(1)
dist.all_reduce(total)
os.write(1, (json.dumps([total.item(), listening(os.getpid()), listening(os.getppid())]) + "\\n").encode())
dist.barrier()
"""


def lines_of(command, **variables):
    known = environment(Compute(profile="cpu")) | variables
    done = subprocess.run([sys.executable, *command], env=known, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith(("[", "{"))]


def test_a_store_with_a_loopback_address_listens_there_alone_and_works_as_before():
    # an address that is no loopback address by its form, and that the kernel still lets us listen on
    program = STORES.replace("PORT", str(free_port())).replace("WIDE", repr("0.0.0.0"))
    [results] = lines_of(["-c", program])
    another = results.pop("another address")
    assert results == {
        "by position": ["127.0.0.1"], "peer": "b", "shared": "d", "several": ["127.0.0.1"], "taken": "DistNetworkError",
    }  # fmt: skip
    assert set(another) - {"127.0.0.1"}, "a store of several machines must stay within their reach"


def test_the_rendezvous_of_torchrun_and_its_processes_is_on_loopback(tmp_path):
    program = tmp_path / "group.py"
    program.write_text(GROUP)
    found = lines_of(["-m", "passk.runtime.torchrun", "--nproc-per-node=2", str(program)])
    assert [total for total, _, _ in found] == [2, 2]
    assert {address for _, own, _ in found for address in own} == {"127.0.0.1"}  # Gloo's
    assert {address for _, _, launchers in found for address in launchers} == {"127.0.0.1"}


def test_the_only_process_of_a_stage_listens_on_loopback():
    from passk.runtime.environment import single_process

    assert lines_of(["-c", GROUP.replace(", listening(os.getppid())", "")], **single_process()) == [[1, ["127.0.0.1"]]]


def test_the_parameters_are_those_of_the_installed_torch():
    [names] = lines_of(
        ["-c", "import json, re, torch.distributed as dist; text = dist.TCPStore.__init__.__doc__.splitlines()[0]; "
               "print(json.dumps(re.findall(r'(\\w+): ', text)))"]
    )  # fmt: skip
    assert tuple(names[1:]) == loopback._PARAMETERS


@every("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.0.1.1"])
def test_addresses_that_only_this_machine_reaches(host):
    assert loopback.is_loopback(host)


@every("host", ["10.0.0.1", "0.0.0.0", "::", "a-host", "localhost.example.org", "", "::ffff:10.0.0.1"])
def test_addresses_that_others_may_reach(host):
    assert not loopback.is_loopback(host)


@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_a_run_on_one_machine_names_loopback_to_every_library_and_one_on_a_cluster_names_none(monkeypatch, profile):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    for name in loopback.ENVIRONMENT:
        monkeypatch.setenv(name, "eth7")
    assert loopback.ENVIRONMENT.items() <= environment(Compute(profile=profile)).items()
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert environment(Compute(profile="gpu"))["NCCL_SOCKET_IFNAME"] == "eth7"


def test_every_worker_of_ray_and_every_process_of_vllm_is_set_up():
    from importlib.metadata import entry_points

    for variables in ({}, {"PASSK_CPU": "1"}):
        assert runtime_environment(variables)["worker_process_setup_hook"] == "passk.runtime.worker_setup.install"
    plugins = [plugin.value for plugin in entry_points(group="vllm.general_plugins") if plugin.name == "passk"]
    assert plugins == ["passk.runtime.worker_setup:install"]


def test_training_does_not_get_the_string_of_prefects_server(monkeypatch):
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "passk:of-the-server")
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "passk:of-the-server")
    monkeypatch.setenv("prefect_api_auth_string", "passk:of-the-server")
    monkeypatch.setenv("PREFECT_API_KEY", "passk:of-the-server")
    monkeypatch.setenv("PREFECT_API_DATABASE_PASSWORD", "passk:of-the-server")
    assert os.environ["PREFECT_API_AUTH_STRING"]
    assert "passk:of-the-server" not in environment(Compute(profile="cpu")).values()
