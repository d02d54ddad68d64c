"""Run OpenRLHF's own train_ppo_ray on a CPU, with the stand-ins and nothing else of passk."""

import os
import runpy
import sys

from passk import cpu
from passk.openrlhf.__main__ import runtime_environment


def main(arguments: list[str]) -> None:
    cpu.install_if_requested()
    import ray

    ray.init(runtime_env=runtime_environment(os.environ))
    sys.argv = ["openrlhf.cli.train_ppo_ray", *arguments]
    runpy.run_module("openrlhf.cli.train_ppo_ray", run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
