"""Columns of the metrics, evaluations, rollouts and samples of a run: name, type and meaning.

The files have these columns, passk/store/schema.py makes tables of them, and docs/store.md shows them.
"""

from typing import NamedTuple


class Column(NamedTuple):
    """A column of a file and of the table that indexes it."""

    type: str
    """Its type in DuckDB. The files write every integer with 64 bits."""
    meaning: str


# A line of metrics.jsonl. Every stage has the first five, an sft stage also `loss`, an rl stage all others.
# In the file, k is text (JSON). Null stands for:
# grad_norm, entropy: not measured; kl: a stage without `kl`; importance_*: a stage without `importance_correction`;
# logprob_gap: no rollouts were sampled; reasons: another reward function.
METRICS = {
    "step": Column("INTEGER NOT NULL", "step of the stage, from 1"),
    "time": Column("DOUBLE", "Unix seconds at the end of the step"),
    "seconds": Column("DOUBLE", "wall time of the step"),
    "lr": Column("DOUBLE", "learning rate"),
    "grad_norm": Column("DOUBLE", "norm of the gradient before clipping"),
    "loss": Column("DOUBLE", "sft only: mean negative log-likelihood of a response token, in nats"),
    "policy_loss": Column(
        "DOUBLE",
        "rl only: policy loss of the step without KL penalty and entropy bonus, mean of its optimizer steps by tokens",
    ),
    "estimator": Column("VARCHAR", "advantage estimator"),
    "k": Column("INTEGER", "k of the estimator in this step"),
    "reward": Column("DOUBLE", "mean reward of the step's rollouts"),
    "pass_at_k": Column("MAP(INTEGER, DOUBLE)", "k -> unbiased pass@k of the step's own groups"),
    "reward_by_difficulty": Column("MAP(VARCHAR, DOUBLE)", "difficulty -> mean reward of its problems"),
    "pass_at_k_by_difficulty": Column(
        "MAP(VARCHAR, DOUBLE)", "difficulty -> unbiased pass@k of its groups at k of the step"
    ),
    "all_incorrect": Column("DOUBLE", "share of groups without a correct rollout"),
    "all_correct": Column("DOUBLE", "share of groups without an incorrect rollout"),
    "few_incorrect": Column(
        "DOUBLE", "share of groups with fewer than k incorrect rollouts, where the Pass@k advantage is 0"
    ),
    "generated_groups": Column(
        "INTEGER", "groups that were sampled; the other columns about groups, rewards and lengths are theirs"
    ),
    "used_groups": Column("INTEGER", "groups that were trained on; as many as generated_groups without filter_groups"),
    "correct_counts": Column("INTEGER[]", "number of groups with 0, 1, ... N correct rollouts"),
    "distinct": Column("DOUBLE", "distinct responses of a group / N, mean over groups"),
    "entropy": Column("DOUBLE", "policy entropy, nats a token"),
    "length": Column("DOUBLE", "mean response tokens"),
    "truncated": Column("DOUBLE", "share of responses cut at max_response"),
    "clip_ratio": Column("DOUBLE", "share of tokens whose PPO ratio was clipped"),
    "kl": Column("DOUBLE", "nats a token: KL divergence from the reference model, by the estimator of the stage"),
    "importance_gap": Column(
        "DOUBLE", "nats: mean difference between vLLM's and the trainer's log-probabilities of the response tokens"
    ),
    "importance_ratio": Column("DOUBLE", "mean of the trainer's probability of a response token / vLLM's"),
    "importance_filtered": Column(
        "DOUBLE", "share of tokens (or sequences) out of the bounds of importance_correction"
    ),
    "logprob_gap": Column(
        "DOUBLE",
        "nats: mean difference between vLLM's and the trainer's log-probabilities of fixed tokens before the "
        "step's rollouts, largest over the engines",
    ),
    "tokens": Column("BIGINT", "response tokens of the step"),
    "seconds_generation": Column("DOUBLE", "wall time of generating the rollouts"),
    "seconds_experience": Column("DOUBLE", "wall time of log-probabilities and advantages"),
    "seconds_training": Column("DOUBLE", "wall time of the optimizer"),
    "seconds_sync": Column("DOUBLE", "wall time of copying the weights to vLLM"),
    "seconds_advantage": Column("DOUBLE", "wall time of the advantage estimator, part of seconds_experience"),
    "reasons": Column("MAP(VARCHAR, DOUBLE)", "reason of the verdict -> share of the rollouts"),
}
_ESTIMATES = 'MAP(INTEGER, STRUCT("value" DOUBLE, "lower" DOUBLE, "upper" DOUBLE))'
# A line of evaluations.jsonl. A step and a benchmark have one line.
EVALUATION = {
    "step": Column("INTEGER", "steps before the evaluation; 0 is the start of the stage"),
    "benchmark": Column("VARCHAR", "the benchmark's name in the experiment file"),
    "time": Column("DOUBLE", "Unix seconds at its end"),
    "seconds": Column("DOUBLE", "its wall time"),
    "problems": Column("VARCHAR", "fingerprint of the benchmark's problems"),
    "samples": Column("INTEGER", "samples per problem"),
    "pass_at_k": Column(_ESTIMATES, "k as text -> {value, lower, upper}: pass@k over problems, with its 95 % interval"),
    "maj_at_k": Column(_ESTIMATES, "k above 1 as text -> {value, lower, upper}: maj@k in the same form"),
    "correct": Column("MAP(VARCHAR, INTEGER)", "problem -> correct samples"),
    "length": Column("DOUBLE", "mean response tokens"),
    "truncated": Column("DOUBLE", "share of responses cut at max_response"),
    "tokens": Column("BIGINT", "response tokens"),
    "reasons": Column("MAP(VARCHAR, DOUBLE)", "reason of a verdict -> share of the samples"),
}
# A row of rollouts/*.parquet.
ROLLOUT_COLUMNS = {
    "step": Column("INTEGER NOT NULL", "step of the stage, from 1"),
    "problem": Column("VARCHAR NOT NULL", "problems.id in the stage's problems"),
    "sample": Column("INTEGER NOT NULL", "index in the group"),
    "response": Column("VARCHAR NOT NULL", "response of the model: untrusted text"),
    "reward": Column("DOUBLE", "the verifier's score"),
    "advantage": Column("DOUBLE", "advantage from the group's rewards"),
    "k": Column("INTEGER", "k of the estimator in this step"),
    "tokens": Column("INTEGER", "response tokens"),
    "truncated": Column("BOOLEAN", "cut at max_response"),
}
# A row of samples.parquet.
SAMPLE_COLUMNS = {
    "problem": Column("VARCHAR NOT NULL", "problems.id in the evaluation's problems"),
    "sample": Column("INTEGER NOT NULL", "index among the problem's samples, from 0"),
    "response": Column("VARCHAR NOT NULL", "response of the model: untrusted text"),
    "score": Column("DOUBLE", "the verifier's score in [0, 1]"),
    "correct": Column("BOOLEAN NOT NULL", "the verifier's verdict"),
    "extracted": Column("VARCHAR", "answer that the verifier extracted: untrusted text"),
    "reason": Column("VARCHAR", "reason of the verdict"),
    "tokens": Column("INTEGER", "response tokens"),
    "finish_reason": Column("VARCHAR", "stop, or length when cut at max_response"),
    "seed": Column("BIGINT", "seed of the request"),
    "logprob": Column("DOUBLE", "mean log-probability of a response token, in nats"),
}
