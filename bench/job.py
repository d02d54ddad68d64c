"""Measure the cost of submitting and following a Ray job, against the same command run alone.

python -m bench.job [--seconds 10]
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from passk.experiment.compute import Compute
from passk.runtime import follow
from passk.runtime.ray_cluster import ray_cluster


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10, help="Duration of the command (default: 10).")
    seconds = parser.parse_args().seconds
    command = [sys.executable, "-c", f"import time; time.sleep({seconds})"]
    with tempfile.TemporaryDirectory() as scratch:
        started = time.perf_counter()
        subprocess.run(command, check=True)
        alone = time.perf_counter() - started
        started = time.perf_counter()
        with ray_cluster(Compute(profile="cpu"), Path(scratch) / "ray.log") as cluster:
            print(f"start of the cluster        {time.perf_counter() - started:6.2f} s")
            for attempt in ("first", "second"):
                before, started = _cpu_seconds(), time.perf_counter()
                follow.train(
                    command,
                    cluster=cluster,
                    environment={},
                    directory=Path(scratch),
                    about="bench",
                    stall_timeout_s=600,
                    on_step=print,
                )
                over = time.perf_counter() - started - alone
                used = _cpu_seconds() - before
                print(f"{attempt:6} job, extra time      {over:6.2f} s, of which CPU of the follower {used:.2f} s")
            started = time.perf_counter()
        print(f"end of the cluster          {time.perf_counter() - started:6.2f} s")


def _cpu_seconds() -> float:
    times = psutil.Process().cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    main()
