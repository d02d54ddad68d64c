"""What a log tells: each case holds lines as vLLM, Ray, torch, OpenRLHF or passk print them."""

from passk.runtime.failures import StageFailed, failure, read
from tests.unit.each import every

# What Ray says of an actor that was killed, and what all the others then say.
KILLED_ACTOR = """
(PasskTrainer pid=811) step 3 done
Traceback (most recent call last):
  File "/v/openrlhf/cli/train_ppo_ray.py", line 176, in train
    ray.get(ppo_trainer.fit.remote())
ray.exceptions.RayTaskError(ActorDiedError): ray::PasskTrainer.fit() (pid=811, ip=127.0.0.1, actor_id=2d)
  File "/v/openrlhf/trainer/ppo_trainer.py", line 99, in fit
ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task.
\tclass_name: PolicyModelActor
The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit detail: Worker
"""
WATCHED = """
(PasskTrainer pid=811) step 3 done
passk: lost: actor RolloutRayActor (pid 7 on 127.0.0.1): Worker unexpectedly exits with a connection error code 2
"""
ENGINE_DIED = """
(RolloutRayActor pid=9) ERROR 11-21 06:02:13 [core_client.py:600] Engine core proc EngineCore_DP0 died unexpectedly
(RolloutRayActor pid=9) vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace
ray.exceptions.RayTaskError(EngineDeadError): ray::RolloutRayActor.generate() (pid=9, ip=127.0.0.1)
"""
KV_CACHE = """
Traceback (most recent call last):
(EngineCore pid=1) ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`
ray.exceptions.RayTaskError(ValueError): ray::RolloutRayActor.__init__() (pid=9, ip=127.0.0.1, actor_id=03)
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': 1}
"""
CUDA_MEMORY = """
(PolicyModelActor pid=4)   File "/v/torch/nn/modules/linear.py", line 125, in forward
(PolicyModelActor pid=4) torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.32 GiB. GPU 0 has a total
ray.exceptions.RayTaskError(OutOfMemoryError): ray::PolicyModelActor.fit() (pid=4, ip=10.0.0.2)
ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task.
"""
MEMORY_MONITOR = """
(raylet) ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory.
(raylet) Memory on the node (IP: 10.0.0.2, ID: ab) where the task (actor ID: c) was running was 60.1GB / 62.8GB
ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task.
"""
FULL_DISK = """
(PolicyModelActor pid=4) RuntimeError: [enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0
(PolicyModelActor pid=4) OSError: [Errno 28] No space left on device
"""
TORCH_RANK = """
[rank0]:   File "/v/torch/utils/file_baton.py", line 63, in release
[rank0]:     os.remove(self.lock_file_path)
[rank0]: FileNotFoundError: [Errno 2] No such file or directory: '/v/torch_extensions/fused_adam/lock'
"""
PORT_TAKEN = """
(PolicyModelActor pid=4) torch.distributed.DistNetworkError: The server socket has failed to listen on any local \
network address. port: 29500, useIpv6: false, code: -98, name: EADDRINUSE, message: address already in use
ray.exceptions.RayTaskError(DistNetworkError): ray::PolicyModelActor.init_model_from_pretrained() (pid=4, ip=10.0.0.2)
"""
UPSTREAM_ARGUMENT = """
usage: openrlhf.cli.train_ppo_ray [-h] [--actor.num_nodes ACTOR.NUM_NODES]
openrlhf.cli.train_ppo_ray: error: unrecognized arguments: --actor.colour red
"""
UPSTREAM_ASSERT = """
Traceback (most recent call last):
  File "/v/lib/python3.11/site-packages/openrlhf/cli/train_ppo_ray.py", line 611, in <module>
    assert args.rollout.n_samples_per_prompt * args.rollout.batch_size // args.train.batch_size >= 1
AssertionError: rollout_batch_size * n_samples_per_prompt must be >= train_batch_size
"""
MISSING_MODEL = """
  File "/v/transformers/utils/hub.py", line 554, in cached_files
OSError: nobody/nothing is not a local folder and is not a valid model identifier listed on the Hub
"""
CODE = """
(PasskTrainer pid=811)   File "/v/openrlhf/trainer/ppo_trainer.py", line 99, in fit
(PasskTrainer pid=811) KeyError: 'reward'
ray.exceptions.RayTaskError(KeyError): ray::PasskTrainer.fit() (pid=811, ip=127.0.0.1)
(PolicyModelActor pid=4) RuntimeError: [/pytorch/gloo/transport/tcp/pair.cc:553] Connection closed by peer
"""
CONSTRUCTOR = """
ray.exceptions.ActorDiedError: The actor died because of an error raised in its creation task, ray::P.__init__()
  File "/v/openrlhf/models/actor.py", line 12, in __init__
ValueError: Tokenizer class Q does not exist or is not currently imported.
"""


@every(
    ("log", "kind", "reason"),
    [
        (KILLED_ACTOR, "lost", "ActorDiedError: The actor died unexpectedly before finishing this task."),
        (WATCHED, "lost", "actor RolloutRayActor (pid 7 on 127.0.0.1): Worker unexpectedly exits"),
        (ENGINE_DIED, "lost", "Engine core proc EngineCore_DP0 died unexpectedly"),
        (KV_CACHE, "memory", "ValueError: No available memory for the cache blocks."),
        (CUDA_MEMORY, "memory", "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.32 GiB."),
        (MEMORY_MONITOR, "memory", "OutOfMemoryError: Task was killed due to the node running low on memory."),
        (FULL_DISK, "disk", "OSError: [Errno 28] No space left on device"),
        (PORT_TAKEN, "lost", "DistNetworkError: The server socket has failed to listen"),
        (UPSTREAM_ARGUMENT, "configuration", "unrecognized arguments: --actor.colour red"),
        (UPSTREAM_ASSERT, "configuration", "AssertionError: rollout_batch_size * n_samples_per_prompt"),
        (MISSING_MODEL, "configuration", "OSError: nobody/nothing is not a local folder"),
        (TORCH_RANK, "code", "FileNotFoundError: [Errno 2] No such file or directory"),
        (CODE, "code", "KeyError: 'reward'"),
        (CONSTRUCTOR, "code", "ValueError: Tokenizer class Q does not exist"),
    ],
)
def test_each_failure_is_told_by_its_cause_and_not_by_its_echo(log, kind, reason):
    told = failure(log.splitlines(), 1)
    assert told.kind == kind
    assert StageFailed("x", told.kind).retry == (kind in ("lost", "hung"))
    assert told.reason.startswith(reason)
    assert "\n" not in told.reason


def test_a_silent_end_is_lost_where_a_signal_ended_it_and_code_else():
    assert failure([], 137).kind == "lost"
    assert failure(["nothing of note"], 1) == ("code", "exit status 1")


def test_only_what_this_attempt_wrote_counts(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text(CUDA_MEMORY)
    start = log.stat().st_size
    with log.open("a") as file:
        file.write(KILLED_ACTOR)
    assert read(log, start).kind == "lost"
