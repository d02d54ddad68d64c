"""The sbatch script of an experiment: Ray over the allocation, one `passk run`, and a requeue before the time ends.

Slurm starts the script again after a preemption or a failed node (`--requeue`). The same command then resumes from the
last checkpoint. Options on sbatch's command line, such as --time and --partition, take precedence over the script's.
"""

import shlex
from pathlib import Path

from passk.base.terminal import printable
from passk.experiment.config import Experiment

WARNING_SECONDS = 180
"""Seconds before the time limit at which the run stops and the job is queued again."""
_HEAD = """\
#!/bin/bash
{options}
# Written by: {command}
# Submit it: {command} | sbatch --time=24:00:00 --partition=NAME
set -euo pipefail
cd {directory}
export PATH={path}:"$PATH"

run=
stop() {{ [ -z "$run" ] || {{ kill -TERM "$run" 2>/dev/null || true; wait "$run" || true; }}; }}
# Near the time limit: stop, and queue the job again. It resumes from the last checkpoint.
again() {{ stop; scontrol requeue "$SLURM_JOB_ID"; exit 0; }}
trap again USR1
# At a preemption Slurm itself queues the job again.
trap 'stop; exit 143' TERM
"""
_RAY = """
# Ray over the allocation. The batch script runs on its first node, which is the head.
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
address=$(getent ahostsv4 "${nodes[0]}" | awk 'NR == 1 {print $1}')
port=$((20000 + SLURM_JOB_ID % 5000))
private=$(mktemp -d "$PWD/.ray-$SLURM_JOB_ID-XXXXXX")  # of mode 0700, on the storage that all nodes share
trap 'rm -rf "$private"' EXIT
(umask 077; od -An -N32 -tx1 /dev/urandom | tr -d ' \\n' > "$private/token")
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$private/token" RAY_USAGE_STATS_ENABLED=0
node() {
    srun --overlap --nodes=1 --ntasks=1 --nodelist="$1" \\
        python -m passk.runtime.ray_head start "${@:2}" RESOURCES --block &
}
node "${nodes[0]}" --head --node-ip-address="$address" --port="$port" --dashboard-port=$((port + 5000))
for name in "${nodes[@]:1}"; do
    node "$name" --address="$address:$port"
done
export RAY_ADDRESS="$address:$port"
joined() { ray status 2>/dev/null | grep -c ' node_' || true; }
for ((i = 0; i < 60; i++)); do
    [ "$(joined)" -lt "${#nodes[@]}" ] || break
    sleep 5
done
"""
_RUN = """
passk run {file} --runs {runs} &
run=$!
wait "$run"
"""


def nodes(experiment: Experiment) -> int:
    """Return the number of nodes that trainer and engines need together; a CPU has as many logical GPUs as needed."""
    compute = experiment.compute
    together = -(-experiment.gpus // compute.gpus_per_node) if compute.profile == "gpu" else 1
    return max(compute.nodes, together)


def script(experiment: Experiment, file: Path, runs: Path, *, directory: Path, programs: Path) -> str:
    """Return the sbatch script.

    directory: where the command runs, on storage that all nodes share. programs: directory of the `passk` command.
    """
    compute, count = experiment.compute, nodes(experiment)
    gpus = compute.gpus_per_node if compute.profile == "gpu" else -(-experiment.gpus // count)  # of a node
    options = [
        f"--job-name={experiment.name}",
        f"--nodes={count}",
        "--ntasks-per-node=1",
        "--requeue",
        "--open-mode=append",
        "--output=slurm-%x-%j.log",
        f"--signal=B:USR1@{WARNING_SECONDS}",
    ]
    if compute.profile == "gpu":
        options.append(f"--gpus-per-node={gpus}")
    else:
        options.append(f"--cpus-per-task={compute.threads * gpus}")
    head = _HEAD.format(
        options="\n".join(f"#SBATCH {option}" for option in options),
        # printable, since a line end would end the comment
        command=printable(f"passk launch --slurm {shlex.quote(str(file))}"),
        directory=shlex.quote(str(directory)),
        path=shlex.quote(str(programs)),
    )
    # Ray counts a node's CPUs, of which a CPU profile may need more than there are.
    resources = f"--num-gpus={gpus}" + (f" --num-cpus={gpus + 4}" if compute.profile == "cpu" else "")
    ray = _RAY.replace("RESOURCES", resources) if count > 1 else ""
    return head + ray + _RUN.format(file=shlex.quote(str(file)), runs=shlex.quote(str(runs)))
