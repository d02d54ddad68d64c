"""Columns of the metrics, evaluations, rollouts and samples of a run."""

# Fields of a line of metrics.jsonl. Every stage has the first five, an sft stage also `loss`, an rl stage all others.
# The table `steps` in passk/store/schema.sql describes and types each. In the file, k is text (JSON). Null stands for:
# grad_norm, entropy: not measured; kl: a stage without `kl`; importance_*: a stage without `importance_correction`;
# logprob_gap: no rollouts were sampled; reasons: another reward function.
METRICS = (
    "step", "time", "seconds", "lr", "grad_norm", "loss", "estimator", "k", "reward",
    "pass_at_k", "reward_by_difficulty", "pass_at_k_by_difficulty",
    "all_incorrect", "all_correct", "few_incorrect", "generated_groups", "used_groups", "correct_counts", "distinct",
    "entropy", "length", "truncated", "clip_ratio", "kl",
    "importance_gap", "importance_ratio", "importance_filtered", "logprob_gap", "tokens",
    "seconds_generation", "seconds_experience", "seconds_training", "seconds_sync", "seconds_advantage", "reasons",
)  # fmt: skip
# Fields of a line of evaluations.jsonl. A step and a benchmark have one line.
EVALUATION = {
    "step": "int, steps before the evaluation; 0 is the start of the stage",
    "benchmark": "str",
    "time": "float, Unix seconds at its end",
    "seconds": "float, its wall time",
    "problems": "str, fingerprint of the benchmark's problems",
    "samples": "int, samples per problem",
    "pass_at_k": "object, k as text -> {value, lower, upper}: pass@k, mean over problems, with its 95 % interval",
    "maj_at_k": "object, k above 1 as text -> {value, lower, upper}: maj@k in the same form",
    "correct": "object, problem -> correct samples",
    "length": "float, mean response tokens",
    "truncated": "float, share of responses cut at max_response",
    "tokens": "int, response tokens",
    "reasons": "object, reason of a verdict -> share of the samples",
}
# Columns of the Parquet files, which the tables `rollouts` and `samples` of passk/store/schema.sql describe.
ROLLOUT_COLUMNS = ("step", "problem", "sample", "response", "reward", "advantage", "k", "tokens", "truncated")
SAMPLE_COLUMNS = {
    "problem": "string", "sample": "int64", "response": "string",
    "score": "float64", "correct": "bool", "extracted": "string", "reason": "string",
    "tokens": "int64", "finish_reason": "string", "seed": "int64", "logprob": "float64",
}  # fmt: skip
"""Column -> its Arrow type."""
