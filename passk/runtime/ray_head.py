"""`ray`, with a dashboard that is the job server and no more.

Ray's dashboard is a dozen processes, which on a small machine cost more to start than the rest of the cluster.
`ray start` has no flag for it, but the dashboard itself has one.
"""

import sys
from typing import Any

MODULES = ("JobHead", "NodeHead")
"""NodeHead tells JobHead which node is the head"""


def main() -> None:
    import ray._private.ray_constants as constants
    import ray._private.services as services
    from ray.scripts.scripts import main as ray

    upstream = services.start_ray_process

    def start(command: list[str], process_type: str, *arguments: Any, **options: Any) -> Any:
        if process_type == constants.PROCESS_TYPE_DASHBOARD:
            command = [*command, f"--modules-to-load={','.join(MODULES)}"]
        return upstream(command, process_type, *arguments, **options)

    services.start_ray_process = start
    sys.argv[0] = "ray"
    ray()


if __name__ == "__main__":
    main()
