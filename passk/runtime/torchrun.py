"""torchrun for processes of one machine, its rendezvous on loopback.

python -m passk.runtime.torchrun --nproc-per-node=2 -m MODULE ARGUMENTS
"""

import sys

from passk.runtime import worker_setup

ONE_MACHINE = ("--standalone", "--local-addr=127.0.0.1")


def main() -> None:
    worker_setup.install()
    from torch.distributed.run import main as torchrun

    torchrun([*ONE_MACHINE, *sys.argv[1:]])


if __name__ == "__main__":
    main()
