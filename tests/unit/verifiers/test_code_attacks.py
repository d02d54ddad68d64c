"""Programs that attack: none is correct, none leaves anything behind, and the next program is judged all the same."""

import json
import os
import socket
import subprocess
import sys

import psutil
import pytest

from passk.verifiers import code_processes
from passk.verifiers.pool import Pool

GOLD = json.dumps({"tests": "assert f(12) == 144\nassert f(-5) == 25", "functions": ["f"], "prompt": ""})
RIGHT = "def f(x):\n    return x * x"
DOING = "def f(x):\n    import os, sys, signal, threading, socket, subprocess, ctypes, time\n    {}\n    return x * x"

WRITE = "import os\nfor end in range(3, 32):\n    try: os.write(end, {})\n    except OSError: pass"


def children() -> set[int]:
    """Processes below this one; zombies count."""
    return {process.pid for process in psutil.Process().children(recursive=True)}


@pytest.fixture(scope="module")
def others():
    """Processes that other test files have left to this one, such as multiprocessing's tracker."""
    return children()


@pytest.fixture(scope="module")
def judge(others):
    with Pool(1) as judges:
        yield lambda program: judges.submit("code", program, GOLD).result(120)


@pytest.fixture(autouse=True)
def nothing_is_left(judge, others):
    before = children() - others
    yield
    assert judge(RIGHT).correct
    after = children() - others
    # the pool's child and the helper of the programs
    assert len(after) == 2 and (not before or after == before)


@pytest.mark.parametrize(
    "program",
    [
        "import os\nos._exit(0)",
        "import sys\nsys.exit(0)",
        "raise SystemExit",
        "raise KeyboardInterrupt",
        "print('correct')\nprint('OK')\nprint('passed')",
        WRITE.format("b'\"correct\"\\n'"),
        WRITE.format("b'{\"value\": true}\\n' * 9"),
        "import os\nfor end in range(3, 32):\n    try: os.close(end)\n    except OSError: pass",
        "class AssertionError(Exception): pass\ndef f(x): return 0",
        "import builtins\nbuiltins.AssertionError = Exception\ndef f(x): return 0",
        "import builtins\nbuiltins.print = builtins.len = builtins.all = lambda *a: True\ndef f(x): return 0",
        "class Same(int):\n    __eq__ = lambda a, b: True\n    __ne__ = lambda a, b: False\ndef f(x): return Same()",
        "class Same:\n    __eq__ = lambda a, b: True\n    __hash__ = None\ndef f(x): return Same()",
        "class Same(list):\n    __eq__ = lambda a, b: True\ndef f(x): return Same()",
        "def f(x): raise StopIteration",
        "def f(x): raise AssertionError",
        "import sys\nsys.modules['passk.verifiers.code_tests'] = sys\nsys.setrecursionlimit(9)\ndef f(x): return f(x)",
        "import json\njson.dumps = lambda *a, **k: '{\"value\": {\"r\": 0}}'\ndef f(x): return 0",
        "import json\njson.dumps = lambda *a, **k: '[' * 10**6\ndef f(x): return 0",
        "import json\njson.dumps = lambda *a, **k: 'x' * 2**25\ndef f(x): return 0",
        "def f(x):\n    a = []\n    a.append(a)\n    return a",
        "def f(x): return {i * (2**61 - 1) for i in range(10**6)}",
        "import gc, sys\n"
        "def f(x):\n    texts = [o for o in gc.get_objects() if isinstance(o, (dict, list, tuple))]\n"
        "    return 144 if any('assert f' in str(v) for o in texts for v in o if isinstance(v, str)) else 0",
        "import ctypes\nctypes.string_at(0)",
        "def f(x):\n    ",
    ],
)  # fmt: skip
def test_a_program_that_does_not_solve_the_task_is_not_correct(judge, program):
    verdict = judge(program)
    assert not verdict.correct and verdict.reason in ("incorrect", "does not run", "exited early", "too slow")


@pytest.mark.parametrize("call", ["while True: pass", "time.sleep(1000)", "while True: print('x' * 10**6)"])
def test_what_does_not_end_is_too_slow(judge, monkeypatch, call):
    assert judge(DOING.format(call)).reason == "too slow"


def test_a_program_that_ignores_its_limit_of_time_is_killed(judge):
    ignore = "signal.signal(signal.SIGXCPU, signal.SIG_IGN)\n    while True: pass"
    assert judge(DOING.format(ignore)).reason == "too slow"


@pytest.mark.parametrize(
    "call",
    [
        "while True: os.fork()",
        "while True: threading.Thread(target=time.sleep, args=(9,)).start()",
        "subprocess.run(['true'])",
        "assert os.system('true') == 0",
        "os.execv('/bin/true', ['true'])",
        "bytearray(2**34)",
        "[bytearray(2**20) for _ in range(4096)]",
        "socket.socket()",
        "socket.create_connection(('127.0.0.1', 1))",
        "socket.socketpair()",
        "os.kill(os.getppid(), 9)",
        "os.kill(os.getpid(), 0)",
        "signal.raise_signal(0)",
        "open('/proc/1/environ').read()",
        "open(f'/proc/{os.getppid()}/environ').read()",
        "open('/proc/self/mem', 'rb')",
        "open('/etc/passwd').read()",
        "open('mark', 'w')",
        "open(os.path.expanduser('~/mark'), 'w')",
        "os.mkdir('/tmp/passk-mark')",
        "os.listdir('/tmp')",
        "os.open('/tmp', os.O_TMPFILE | os.O_RDWR)",
        "os.memfd_create('a')",
        "os.symlink('/etc', 'mark')",
        "os.chmod('/usr', 0o777)",
        "os.utime('/usr')",
        "os.remove('/usr/bin/env')",
        "os.setuid(1)",
        "os.nice(1)",
        "os.sched_setaffinity(os.getppid(), [0])",
        "import resource; resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))",
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))",
        "import fcntl; fcntl.fcntl(0, fcntl.F_SETOWN, os.getppid())",
        "import fcntl; fcntl.ioctl(0, 0x5412, b'x')",
        "[os.pipe() for _ in range(40)]",
        "assert not ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)",
        "assert not ctypes.CDLL(None).syscall(438, 3, 1, 0) < 0",
        "assert ctypes.CDLL(None).mount(b'a', b'/tmp', b'tmpfs', 0, 0) == 0",
        "assert ctypes.CDLL(None).unshare(0x10000000) == 0",
        "assert ctypes.CDLL(None).shmget(0, 4096, 0o1666) >= 0",
    ],
)  # fmt: skip
def test_the_program_cannot(judge, call):
    assert judge(DOING.format(call)).reason == "incorrect"


def test_an_attack_is_what_fails_and_not_its_imports(judge):
    assert judge(DOING.format("pass")).correct


def test_home_and_directory_are_empty_and_the_environment_is_minimal(judge, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret")
    allowed = sorted(code_processes._ENVIRONMENT)
    look = f"assert os.listdir('.') == os.listdir(os.environ['HOME']) == [] and sorted(os.environ) == {allowed}"
    assert judge(DOING.format(look)).correct


def test_output_goes_nowhere_and_costs_nothing(judge, capfd):
    assert judge(DOING.format("print('correct' * 10**6); print('x', file=sys.stderr)")).correct
    assert capfd.readouterr() == ("", "")


def test_no_datagram_leaves(judge):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        send = f"socket.socket(2, 2).sendto(b'x', ('127.0.0.1', {server.getsockname()[1]}))"
        assert judge(DOING.format(send)).reason == "incorrect"
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.recv(1)


def test_a_killed_owner_leaves_no_program(tmp_path):
    mark = f"passk-{os.getpid()}"
    program = f"def f(x):\n    mark = {mark!r}\n    while True: pass"
    owner = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from passk.verifiers.pool import Pool; p = Pool(1)\n"
            f"p.submit('code', {program!r}, {GOLD!r}); print('on', flush=True); import time; time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
    )
    owner.stdout.readline()
    children = []
    while len(children) < 4:  # the pool's child, the helper, the program and its tests
        children = psutil.Process(owner.pid).children(recursive=True)
    owner.kill()
    owner.wait()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive
