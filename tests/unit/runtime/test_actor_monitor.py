"""Which dead actors count as lost, by what Ray's own tables say of them."""

from passk.runtime.actor_monitor import lost


def actor(reason: str, message: str = "", state: str = "DEAD") -> dict:
    from ray.core.generated import common_pb2

    context = common_pb2.ActorDiedErrorContext(
        reason=common_pb2.ActorDiedErrorContext.Reason.Value(reason), error_message=message
    )
    cause = common_pb2.ActorDeathCause(actor_died_error_context=context)
    where = {"IPAddress": "10.0.0.2"}
    return {"a": {"State": state, "DeathCause": cause, "ActorClassName": "Policy", "Pid": 5, "Address": where}}


def test_an_actor_whose_worker_or_node_died_is_lost():
    said = lost(actor("WORKER_DIED", "Worker unexpectedly exits\nwith a connection error"))
    assert said == ("lost", "actor Policy (pid 5 on 10.0.0.2): Worker unexpectedly exits with a connection error")
    assert lost(actor("NODE_DIED", "its node has died"))


def test_an_actor_that_was_meant_to_end_is_not_lost():
    for reason in ("RAY_KILL", "OUT_OF_SCOPE", "REF_DELETED", "OWNER_DIED"):
        assert lost(actor(reason)) is None
    assert lost(actor("WORKER_DIED", "Worker exits. exit_type=INTENDED_USER_EXIT")) is None
    assert lost({}) is None


def test_an_actor_that_rays_memory_monitor_killed_is_a_matter_of_memory():
    from ray.core.generated import common_pb2

    cause = common_pb2.ActorDeathCause(oom_context=common_pb2.OomContext(error_message="low on memory"))
    found = actor("WORKER_DIED")
    found["a"]["DeathCause"] = cause
    assert lost(found) == ("memory", "actor Policy (pid 5 on 10.0.0.2): low on memory")
