"""`ray` with a dashboard that is only the job server, and without the server of Ray's client.

Ray's dashboard has a dozen processes. On a small machine they take longer to start than the rest of the cluster, and
Ray's node aborts if its agent is late. The dashboard has a flag that selects its modules, but `ray start` does not pass
it on. passk refuses `ray://` addresses, so nothing needs the client's server, which no flag turns off.

Ray's node aborts if its agents take more than 15 seconds to write their ports into files (ray-project/ray#65983). Ports
that the command line names are written before the node starts. It also aborts if the cluster does not know it within
30 seconds, which are too few on a busy machine.
"""

import inspect
import sys
import time
from typing import Any

MODULES = ("JobHead", "NodeHead")
"""Modules of the dashboard. JobHead gets the head's node from NodeHead."""
AGENT_PORTS = ("dashboard_agent_listen_port", "runtime_env_agent_port")
"""Ports that the node waits for. Parameters of Ray's `start_raylet`, and names of its files."""

KNOWN_SECONDS = 180
"""Longest wait until the cluster knows the node."""


def main() -> None:
    import ray._private.node as node
    import ray._private.ray_constants as constants
    import ray._private.services as services
    from ray._raylet import persist_port
    from ray.scripts.scripts import main as ray

    upstream = services.start_ray_process

    def start(command: list[str], process_type: str, *arguments: Any, **options: Any) -> Any:
        if process_type == constants.PROCESS_TYPE_DASHBOARD:
            command = [*command, f"--modules-to-load={','.join(MODULES)}"]
        return upstream(command, process_type, *arguments, **options)

    start_node = services.start_raylet
    parameters = inspect.signature(start_node)

    def start_raylet(*arguments: Any, **options: Any) -> Any:
        bound = parameters.bind(*arguments, **options).arguments
        for name in AGENT_PORTS:
            if bound.get(name):
                persist_port(bound["session_dir"], bound["node_id"], name, bound[name])
        return start_node(*arguments, **options)

    get_node = services.get_node

    def known_node(gcs_address: str, node_id: str) -> Any:
        deadline = time.monotonic() + KNOWN_SECONDS
        while True:
            try:
                return get_node(gcs_address, node_id)
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)

    services.get_node = known_node
    services.start_ray_process = start
    services.start_raylet = start_raylet
    node.Node.start_ray_client_server = lambda self: None
    sys.argv[0] = "ray"
    ray()


if __name__ == "__main__":
    main()
