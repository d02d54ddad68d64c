"""Detect within seconds, in the driver, that one of its Ray actors died.

OpenRLHF's driver waits for its trainer, and the trainer waits for its peers. If one of them is killed, the others
can block in a rendezvous for minutes before they raise an error. Ray knows of the death at once.
"""

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from passk.runtime import failure_record
from passk.runtime.failures import Failure

EVERY_SECONDS = 2.0
GRACE_SECONDS = 4.0
"""Seconds in which the driver may exit by itself with a more specific error."""
LOST_STATUS = 75
"""Exit status of a driver that lost an actor: EX_TEMPFAIL of sysexits.h."""


def start() -> None:
    """Watch the actors of this process's Ray job from a thread. If one is lost, print it and exit the process."""
    threading.Thread(target=_watch, name="watch actors", daemon=True).start()


def lost(actors: dict[str, dict[str, Any]]) -> Failure | None:
    """Return the failure of the first actor that died unexpectedly, or None. actors: ray._private.state.actors()."""
    for actor in actors.values():
        cause = actor["DeathCause"]
        if actor["State"] != "DEAD" or cause is None:
            continue
        name = f"actor {actor['ActorClassName']} (pid {actor['Pid']} on {actor['Address']['IPAddress']})"
        if cause.HasField("oom_context"):
            return Failure("memory", f"{name}: {_line(cause.oom_context.error_message)}")
        death = cause.actor_died_error_context
        reason = death.DESCRIPTOR.fields_by_name["reason"].enum_type.values_by_number[death.reason].name
        # Ray itself kills unreferenced actors and those whose owner died. An actor may also exit on purpose.
        if reason in ("WORKER_DIED", "NODE_DIED") and "INTENDED" not in death.error_message:
            return Failure("lost", f"{name}: {_line(death.error_message)}")
    return None


def _watch() -> None:
    import ray

    job = ray.JobID.from_hex(ray.get_runtime_context().get_job_id())
    while True:
        time.sleep(EVERY_SECONDS)
        try:
            dead = ray._private.state.actors(job_id=job, actor_state_name="DEAD")
        except Exception:  # the cluster's head is unreachable; Ray ends the driver if that lasts
            continue
        if failure := lost(dead):
            time.sleep(GRACE_SECONDS)
            if failure.kind == "memory" and failure_record.VARIABLE in os.environ:
                failure_record.write(Path(os.environ[failure_record.VARIABLE]), failure)
            # For a lost actor only the log is read, since it may name the cause.
            print(f"passk: {failure.kind}: {failure.reason}", file=sys.stderr, flush=True)
            os._exit(LOST_STATUS)


def _line(text: str) -> str:
    # Ray appends a list of possible causes.
    return " ".join(text.partition("Some common causes")[0].split())[:300] or "no reason given"
