"""`ray` with a dashboard that is only the job server, and without the server of Ray's client.

Ray's dashboard has a dozen processes. On a small machine they take longer to start than the rest of the cluster, and
Ray's node aborts if its agent is late. The dashboard has a flag that selects its modules, but `ray start` does not pass
it on. passk refuses `ray://` addresses, so nothing needs the client's server, which no flag turns off.
"""

import sys
from typing import Any

MODULES = ("JobHead", "NodeHead")
"""Modules of the dashboard. JobHead gets the head's node from NodeHead."""


def main() -> None:
    import ray._private.node as node
    import ray._private.ray_constants as constants
    import ray._private.services as services
    from ray.scripts.scripts import main as ray

    upstream = services.start_ray_process

    def start(command: list[str], process_type: str, *arguments: Any, **options: Any) -> Any:
        if process_type == constants.PROCESS_TYPE_DASHBOARD:
            command = [*command, f"--modules-to-load={','.join(MODULES)}"]
        return upstream(command, process_type, *arguments, **options)

    services.start_ray_process = start
    node.Node.start_ray_client_server = lambda self: None
    sys.argv[0] = "ray"
    ray()


if __name__ == "__main__":
    main()
