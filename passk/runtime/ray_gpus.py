"""Wait until the nodes of a Ray cluster have the GPUs that a command needs.

Ray queues a request that no node of the cluster can serve, in silence and without a limit.
"""

import time

from passk.base.errors import ConfigError

JOIN_SECONDS = 600.0
"""Longest wait for nodes that join late or again."""
LOOK_SECONDS = 2.0
TELL_SECONDS = 60.0


def wait_for(needed: int) -> None:
    """Return when the cluster has `needed` GPUs, free or in use. Raise ConfigError after JOIN_SECONDS.

    Ray must be connected.
    """
    import ray

    began, printed = time.monotonic(), float("-inf")
    while (there := int(ray.cluster_resources().get("GPU", 0))) < needed:
        waited = time.monotonic() - began
        if waited > JOIN_SECONDS:
            raise ConfigError(
                "compute",
                f"{needed} GPUs are needed at once, and the Ray cluster has {there}",
                "start Ray on more nodes, or lower nodes, gpus_per_node, engines or tensor_parallel",
            )
        if waited - printed >= TELL_SECONDS:
            printed = waited
            print(f"waiting for nodes: {needed} GPUs are needed at once, and the Ray cluster has {there}", flush=True)
        time.sleep(LOOK_SECONDS)
