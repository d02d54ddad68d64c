import subprocess
import sys
from pathlib import Path

from passk.runtime.ports import free_port

FIRST, LAST = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())


def test_a_port_is_none_that_the_kernel_or_ray_give_to_somebody_else():
    ports = {free_port() for _ in range(50)}
    assert len(ports) == 50
    assert all(port >= 20_000 and not FIRST <= port <= LAST for port in ports)


def test_no_two_processes_are_given_the_same_port():
    # both have the choice of twenty ports alone
    code = "import sys; from passk.runtime import ports; ports._LOWEST = int(sys.argv[1])\n"
    code += "class Fixed:\n def read_text(self): return f'{ports._LOWEST + 20} 65535'\n"
    code += "ports._EPHEMERAL = Fixed(); print(*[ports.free_port() for _ in range(8)], flush=True); sys.stdin.read()"
    processes = [
        subprocess.Popen([sys.executable, "-c", code, "26000"], stdin=-1, stdout=-1, text=True) for _ in range(2)
    ]
    given = [port for process in processes for port in process.stdout.readline().split()]
    for process in processes:
        process.communicate()
    assert len(given) == len(set(given)) == 16
