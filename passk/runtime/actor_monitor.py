"""Notice in the driver that one of its Ray actors died, within seconds.

OpenRLHF's driver waits for its trainer, and the trainer for its peers: where one of them is killed, the
rest can wait for minutes in a rendezvous before anything is raised. Ray itself knows at once.
"""

import os
import sys
import threading
import time
from typing import Any

EVERY_SECONDS = 2.0
GRACE_SECONDS = 4.0
"""for the driver to end by itself, with more to tell"""
LOST_STATUS = 75
"""exit status of a driver that ended because an actor was lost; EX_TEMPFAIL of sysexits.h"""


def start() -> None:
    """Watch the actors of this process's Ray job from a thread; where one is lost, say so and exit the process."""
    threading.Thread(target=_watch, name="watch actors", daemon=True).start()


def lost(actors: dict[str, dict[str, Any]]) -> str | None:
    """One line about the first actor that died without having been asked to. actors: ray._private.state.actors()."""
    for actor in actors.values():
        cause = actor["DeathCause"]
        if actor["State"] != "DEAD" or cause is None:
            continue
        who = f"actor {actor['ActorClassName']} (pid {actor['Pid']} on {actor['Address']['IPAddress']})"
        if cause.HasField("oom_context"):
            return f"memory: {who}: {_line(cause.oom_context.error_message)}"
        died = cause.actor_died_error_context
        reason = died.DESCRIPTOR.fields_by_name["reason"].enum_type.values_by_number[died.reason].name
        # Ray kills actors that nobody needs any more, and those of an owner that died; an exit can be meant.
        if reason in ("WORKER_DIED", "NODE_DIED") and "INTENDED" not in died.error_message:
            return f"lost: {who}: {_line(died.error_message)}"
    return None


def _watch() -> None:
    import ray

    job = ray.JobID.from_hex(ray.get_runtime_context().get_job_id())
    while True:
        time.sleep(EVERY_SECONDS)
        try:
            dead = ray._private.state.actors(job_id=job, actor_state_name="DEAD")
        except Exception:  # the cluster's head is not to be reached: Ray itself ends the driver if it stays so
            continue
        if found := lost(dead):
            time.sleep(GRACE_SECONDS)
            print(f"passk: {found}", file=sys.stderr, flush=True)
            os._exit(LOST_STATUS)


def _line(text: str) -> str:
    # Ray goes on with a list of all that it might have been.
    return " ".join(text.partition("Some common causes")[0].split())[:300] or "no reason given"
