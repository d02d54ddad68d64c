#!/bin/bash
# Prove the GPU profile on one bare CUDA machine without a network: Python 3.12, torch 2.11 with CUDA 13, no vLLM.
#   dev/gpu_acceptance.sh --dry-run            list the wheels (name, size, need) and the steps; start nothing
#   dev/gpu_acceptance.sh --pack DIR           download the wheels and split them into parts of 64 MiB
#   dev/gpu_acceptance.sh PARTS OUT            on the CUDA machine: all steps, at most 12 minutes; the page is OUT/acceptance.md
# passk's own metadata names Python 3.11, whose packages the locks pin, so `install` ignores that bound.
# flash-attn has no wheel. PyTorch's attention stands in for it, as on a CPU (passk/cpu/packing.py).
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
WHEELS=dev/gpu_wheels.tsv
PART=$((64 * 1024 * 1024))
# step, seconds at most, what it proves
STEPS="unpack|60|the parts are whole: their checksums fit
install|150|every wheel installs beside the machine's torch, without a network
smoke|120|vLLM samples on the GPU, sleeps and wakes
stock|150|OpenRLHF alone trains two steps with its own estimator: tokens/s to compare with
run|180|passk run: sft, rl with colocate, sleep, ZeRO 3, packing, dynamic batches, NCCL; evaluation; report
resume|45|a second passk run finds all of it finished
summary|15|acceptance.md: outcomes, seconds, peak memory, tokens/s"

dry_run() {
    awk -F'\t' -v part=$PART 'NR == 1 { printf "%-34s %-26s %10s  %s\n", "wheel", "version", "MiB", "needed by"; next }
        { printf "%-34s %-26s %10s  %s\n", $1, $2, $3 ? sprintf("%.2f", $3 / 2^20) : "source", $4; sum += $3; n++; if (!$3) s++ }
        END { printf "%d packages, %d of them built from source while packing; %.0f MiB, %d parts of 64 MiB\n", n, s, sum / 2^20, int((sum + part - 1) / part) }' $WHEELS
    echo; echo "steps, in order:"
    local name limit proves total=0
    while IFS='|' read -r name limit proves; do
        printf '  %-8s at most %3d s  %s\n' "$name" "$limit" "$proves"; total=$((total + limit))
    done <<<"$STEPS"
    echo "  at most $total s together"
}

pack() {
    local target=$1
    mkdir -p "$target/wheels"
    tail -n +2 $WHEELS | awk -F'\t' '{ print $1 "==" $2 }' > "$target/requirements.txt"
    # Sources become wheels here, where there is a network. Run this with Python 3.12 on x86_64.
    python3.12 -m pip wheel --no-deps --wheel-dir "$target/wheels" --requirement "$target/requirements.txt" || return 1
    tar -C "$target" -cf - wheels requirements.txt | split -b $PART -d -a 3 - "$target/part-"
    (cd "$target" && sha256sum part-* > SHA256SUMS)
    ls -l "$target"/part-*
}

unpack() { (cd "$PARTS" && sha256sum --check --quiet SHA256SUMS) && cat "$PARTS"/part-* | tar -C "$OUT" -xf -; }

install() {
    python3.12 -m venv --system-site-packages "$OUT/venv" &&
        "$OUT/venv/bin/pip" install --no-index --no-deps --find-links "$OUT/wheels" -r "$OUT/requirements.txt" &&
        "$OUT/venv/bin/pip" install --no-index --no-deps --no-build-isolation --ignore-requires-python -e . &&
        mkdir -p "$OUT/site" && cat > "$OUT/site/sitecustomize.py" <<'PYTHON'
from passk.cpu import flash_attn, packing
from passk.cpu.on_import import on_import

flash_attn.install()
on_import("openrlhf.models.actor", packing.actor)
PYTHON
}

smoke() { python -m dev.gpu_acceptance smoke "$OUT"; }

stock() {
    python - "$OUT" <<'PYTHON'
import json, sys
from pathlib import Path
out = Path(sys.argv[1])
rows = [json.dumps({"prompt": f"problem {n}: ", "label": "a"}) for n in range(256)]
(out / "stock.jsonl").write_text("\n".join(rows) + "\n")
(out / "reward.py").write_text(
    "import torch\n\n\ndef reward_func(queries, prompts, labels, **options):\n"
    "    scores = torch.tensor([float(len(query) % 2) for query in queries])\n"
    "    return {'rewards': scores, 'scores': scores, 'extra_logs': {}}\n"
)
PYTHON
    PYTHONPATH="$OUT/site" python -m openrlhf.cli.train_ppo_ray --actor.model_name_or_path "$OUT/model" \
        --reward.remote_url "$OUT/reward.py" --data.prompt_dataset "$OUT/stock.jsonl" --data.input_key prompt \
        --data.label_key label --data.max_len 128 --rollout.max_new_tokens 32 --rollout.batch_size 64 \
        --rollout.n_samples_per_prompt 16 --rollout.micro_batch_size 64 --train.batch_size 1024 \
        --train.micro_batch_size 64 --train.num_episodes 1 --data.max_samples 128 --vllm.num_engines 1 \
        --algo.advantage.estimator group_norm --algo.kl.init_coef 0 --ds.zero_stage 3 --ds.attn_implementation sdpa \
        --train.colocate_all --vllm.enable_sleep --ds.enable_sleep --vllm.gpu_memory_utilization 0.5 \
        --ckpt.output_dir "$OUT/stock"
}

run() { PYTHONPATH="$OUT/site" passk run dev/gpu_acceptance.yaml --runs "$OUT/runs"; }

resume() { run | tee "$OUT/resume.txt" && grep -q "finished, nothing to do" "$OUT/resume.txt"; }

summary() { python -m dev.gpu_acceptance summary "$OUT" "$OUT/runs"; }

accept() {
    PARTS=$(realpath "$1"); mkdir -p "$2"; OUT=$(realpath "$2")
    export OUT PARTS PATH="$OUT/venv/bin:$PATH" HF_HUB_OFFLINE=1 PREFECT_HOME="$OUT/prefect"
    export -f unpack install smoke stock run resume summary
    : > "$OUT/steps.tsv"
    local name limit _ began peak watch outcome failed=0
    while IFS='|' read -r name limit _; do
        : > "$OUT/memory.txt"
        nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits --loop=1 > "$OUT/memory.txt" & watch=$!
        began=$SECONDS
        if timeout --kill-after=10 "$limit" bash -c "set -o pipefail; $name" > "$OUT/$name.txt" 2>&1 < /dev/null; then
            outcome=passed
        else
            outcome=failed; failed=1
        fi
        kill "$watch" 2>/dev/null; wait "$watch" 2>/dev/null
        peak=$(sort -n "$OUT/memory.txt" | tail -1)
        printf '%s\t%s\t%s\t%s\n' "$name" "$outcome" "$((SECONDS - began))" "${peak:--}" | tee -a "$OUT/steps.tsv"
        # Without the packages nothing else can start.
        case "$name:$outcome" in unpack:failed | install:failed) break ;; esac
    done <<<"$STEPS"
    return $failed
}

case "${1:-}" in
    --dry-run) dry_run ;;
    --pack) pack "${2:?name a directory}" ;;
    "") sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2 ;;
    *) accept "$1" "${2:?name a directory for the results}" ;;
esac
