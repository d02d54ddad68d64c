"""Everyone who sees Ray's dashboard sees the environment of a training job."""

from passk.experiment.compute import Compute
from passk.openrlhf.__main__ import runtime_environment
from passk.runtime.environment import environment, passed_on

SECRETS = {"WANDB_API_KEY": "s", "HF_TOKEN": "s", "VLLM_API_KEY": "s", "AWS_SECRET_ACCESS_KEY": "s", "HOME": "/h"}


def test_no_secret_goes_with_a_job(monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    assert not SECRETS.keys() & passed_on(environment(Compute(profile="cpu"))).keys()
    assert not SECRETS.keys() & runtime_environment(SECRETS)["env_vars"].keys()


def test_what_the_profile_needs_goes_with_a_job():
    taken = passed_on(environment(Compute(profile="cpu", threads=3)))
    assert taken["PASSK_CPU"] == "1" and taken["DS_ACCELERATOR"] == "cpu" and taken["OMP_NUM_THREADS"] == "3"
    assert taken["VLLM_CPU_KVCACHE_SPACE"] == "1" and taken["RAY_USAGE_STATS_ENABLED"] == "0"
    assert "PASSK_CPU" not in passed_on(environment(Compute(profile="gpu")))


def test_gloo_stays_on_loopback_unless_a_cluster_of_the_user_names_its_interface(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "eth0")
    one, two = Compute(profile="cpu"), Compute(profile="cpu", nodes=2)
    assert environment(one)["GLOO_SOCKET_IFNAME"] == "lo", "a cluster of passk's own"
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert environment(one)["GLOO_SOCKET_IFNAME"] == environment(two)["GLOO_SOCKET_IFNAME"] == "eth0"
    monkeypatch.delenv("GLOO_SOCKET_IFNAME")
    for compute in (one, two):
        assert "GLOO_SOCKET_IFNAME" not in environment(compute), "loopback connects no two nodes"
    for address in ("127.0.0.1:6379", "http://localhost:8265", "http://[::1]:8265"):
        monkeypatch.setenv("RAY_ADDRESS", address)
        assert environment(one)["GLOO_SOCKET_IFNAME"] == "lo", "a cluster of this machine"
