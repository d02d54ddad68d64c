"""Every place where passk reaches into Ray's private parts, against the version that is installed."""

import inspect

from passk.runtime import actor_monitor, ray_head
from passk.runtime.failures import Failure


def test_the_dashboard_is_started_by_the_function_that_the_head_replaces_and_takes_the_modules_it_adds():
    import ray._private.ray_constants as constants
    import ray._private.services as services
    import ray.dashboard.dashboard as dashboard

    assert list(inspect.signature(services.start_ray_process).parameters)[:2] == ["command", "process_type"]
    starter = inspect.getsource(services.start_api_server)
    assert "start_ray_process(" in starter and "PROCESS_TYPE_DASHBOARD" in starter
    assert constants.PROCESS_TYPE_DASHBOARD
    assert '"--modules-to-load"' in inspect.getsource(dashboard)


def test_the_head_has_a_flag_against_its_autoscaler_and_one_place_that_starts_the_clients_server():
    import ray._private.node as node
    from ray.scripts.scripts import start

    assert "--no-monitor" in [name for parameter in start.params for name in parameter.opts]
    assert "self.start_ray_client_server()" in inspect.getsource(node.Node.start_head_processes)


def test_the_node_starts_through_one_function_that_takes_the_ports_of_its_agents(tmp_path):
    import ray._private.node as node
    import ray._private.services as services
    import ray._raylet as raylet

    names = inspect.signature(services.start_raylet).parameters
    assert {"session_dir", "node_id", *ray_head.AGENT_PORTS} <= set(names)
    assert "ray._private.services.start_raylet(" in inspect.getsource(node.Node.start_raylet)
    files = (raylet.DASHBOARD_AGENT_LISTEN_PORT_NAME, raylet.RUNTIME_ENV_AGENT_PORT_NAME)
    assert files == ray_head.AGENT_PORTS
    for name in files:
        raylet.persist_port(str(tmp_path), "0" * 56, name, 1234)
    assert len(list(tmp_path.iterdir())) == 2


def test_the_node_asks_one_function_whether_the_cluster_knows_it_and_a_runtime_error_says_no():
    import ray._private.node as node
    import ray._private.services as services

    assert list(inspect.signature(services.get_node).parameters) == ["gcs_address", "node_id"]
    start = inspect.getsource(node.Node.__init__)
    assert "ray._private.services.get_node(" in start and "except RuntimeError" in start


def test_the_dashboard_has_the_modules_that_the_job_server_needs():
    from ray.dashboard.modules.job.job_head import JobHead
    from ray.dashboard.modules.node.node_head import NodeHead

    assert {JobHead.__name__, NodeHead.__name__} == set(ray_head.MODULES)


def test_an_actor_of_the_state_api_has_the_fields_that_the_watch_reads():
    import ray._private.state as state
    from ray.core.generated.common_pb2 import ActorDiedErrorContext
    from ray.core.generated.gcs_pb2 import ActorTableData

    assert {"job_id", "actor_state_name"} <= set(inspect.signature(state.actors).parameters)
    generated = inspect.getsource(state.GlobalState._gen_actor_info)
    for field in ("State", "DeathCause", "ActorClassName", "Pid", "Address"):
        assert f'"{field}"' in generated
    cause = ActorTableData().death_cause
    cause.actor_died_error_context.reason = ActorDiedErrorContext.Reason.Value("WORKER_DIED")
    cause.actor_died_error_context.error_message = "killed"
    told = {"State": "DEAD", "DeathCause": cause, "ActorClassName": "A", "Pid": 1, "Address": {"IPAddress": "x"}}
    assert actor_monitor.lost({"one": told}) == Failure("lost", "actor A (pid 1 on x): killed")
    cause.actor_died_error_context.reason = ActorDiedErrorContext.Reason.Value("RAY_KILL")
    assert actor_monitor.lost({"one": told}) is None
