"""OpenRLHF's samples generator, which notifies engines of the step and keeps responses in the order of prompts."""

from collections.abc import Callable
from typing import Any

import ray
from openrlhf.trainer.ppo_utils.experience import Experience
from openrlhf.trainer.ppo_utils.samples_generator import SamplesGenerator
from openrlhf.trainer.ray.launcher import RayActorGroup
from openrlhf.trainer.ray.vllm_engine import batch_vllm_engine_call

from passk.models import log_probs
from passk.openrlhf import group_filter
from passk.openrlhf.held_out import Response
from passk.openrlhf.prompt_label import identity


class PasskSamplesGenerator(SamplesGenerator):
    """Dispatch as OpenRLHF does, but order a batch by its prompts, not by arrival."""

    step: int
    """Current step, from 1."""
    policy: RayActorGroup
    """Actors of the policy, whose weights the engines must have."""
    stop: tuple[str, ...] = ()
    """Texts that end a response."""
    logprob_gap: float | None = None
    """Largest difference between an engine and the policy before the last batch, in nats."""
    dispatched: list[tuple[str, Any]]
    """Pairs (prompt, label) of the batch."""
    keeps: Callable[[int, int], bool]
    """Whether the filter keeps a group, from its correct rollouts and N."""
    max_rounds: int | None = None
    """Rounds of sampling in a step at most; None without a filter."""
    dropped: list[list[Experience]] | None = None
    """Groups that the last batch left out; None without a filter."""
    ended: bool = False
    """Whether the training ends here, as if all prompts were used."""

    between_steps: Callable[[], None] | None = None
    """Called before each batch, with the engines at the weights of the last step."""

    def generate_samples(self, **options: Any) -> tuple[list[Experience], float | None, int, bool]:
        if self.between_steps:
            self.between_steps()
        return ([], None, 0, True) if self.ended else super().generate_samples(**options)

    def sample(
        self, seed: int, prompts: list[list[int]], seeds: list[list[int]], parameters: dict[str, Any]
    ) -> list[list[Response]]:
        """Return responses to each prompt, [P][n], for an evaluation; the engines take the prompts in turn."""
        count, sleeps = len(self.vllm_engines), self.args.vllm.enable_sleep
        if sleeps:
            batch_vllm_engine_call(self.vllm_engines, "wake_up")
        try:
            parts = ray.get(
                [
                    engine.sample.remote(seed + number, prompts[number::count], seeds[number::count], parameters)
                    for number, engine in enumerate(self.vllm_engines)
                ]
            )
        finally:
            if sleeps:
                batch_vllm_engine_call(self.vllm_engines, "sleep")
        return [parts[place % count][place // count] for place in range(len(prompts))]

    def _generate_vllm(self, *arguments: Any, **options: Any) -> tuple[list[Experience], int, bool]:
        # Engines that sleep between batches are awake only here.
        self._compare_weights(options.get("max_len", log_probs.TOKENS + 1))
        ray.get([engine.begin_step.remote(self.step, self.tokenizer, self.stop) for engine in self.vllm_engines])
        consumed, exhausted = 0, False

        def sample(prompts: int | None = None) -> tuple[list[list[Experience]], bool]:
            nonlocal consumed, exhausted
            wanted = {} if prompts is None else {"num_prompts": prompts}
            groups, used, exhausted = self._groups(*arguments, **options | wanted)
            consumed += used
            return groups, exhausted

        if self.max_rounds is None:
            groups, _ = sample()
        else:
            groups, self.dropped = group_filter.filled(
                sample,
                lambda group: self.keeps(group_filter.correct(group), len(group)),
                options["num_prompts"],
                self.max_rounds,
            )
        return [experience for group in groups for experience in group], consumed, exhausted

    def _groups(self, *arguments: Any, **options: Any) -> tuple[list[list[Experience]], int, bool]:
        """Return the groups of a round in the order of its prompts, the prompts that it took, and whether they end."""
        self.dispatched = []
        experiences, consumed, exhausted = super()._generate_vllm(*arguments, **options)
        place = {identity(*pair): number for number, pair in reversed(list(enumerate(self.dispatched)))}
        samples = options.get("n_samples_per_prompt", self.args.rollout.n_samples_per_prompt)
        groups = [experiences[start : start + samples] for start in range(0, len(experiences), samples)]
        # A repeated prompt has two groups at one place. Their tokens decide the order.
        groups.sort(key=lambda group: (place[identity(group[0].prompts[0], group[0].labels[0])], _tokens(group)))
        return groups, consumed, exhausted

    def _compare_weights(self, max_length: int) -> None:
        """Raise PasskError if an engine does not have the policy's weights."""
        tokens = log_probs.fixed_tokens(self.tokenizer, max_length - 1)
        policy = self.policy.async_run_method(method_name="log_probs", tokens=tokens)
        engines = [engine.log_probs.remote(tokens) for engine in self.vllm_engines]
        references, log_prob_lists = ray.get(policy), ray.get(engines)
        gaps = [log_probs.gap(values, reference) for values in log_prob_lists for reference in references]
        self.logprob_gap = max(gaps, key=lambda gap: (gap != gap, gap))  # NaN is the largest
        log_probs.require_equal(self.logprob_gap, f"step {self.step}")

    def _dispatch_prompts_to_vllm(self, prompts: list[str], labels: list[Any], **options: Any) -> list:
        self.dispatched += zip(prompts, labels, strict=True)
        tokenizer, self.tokenizer = self.tokenizer, None  # the engines have it since the step began
        try:
            requests = super()._dispatch_prompts_to_vllm(prompts, labels, **options)
        finally:
            self.tokenizer = tokenizer
        if self.args.train.full_determinism_enable:
            samples = options.get("n_samples_per_prompt", self.args.rollout.n_samples_per_prompt)
            engines = len(self.vllm_engines)
            for number, engine in enumerate(self.vllm_engines):
                # Idle engines get the prompts in turn.
                engine.release.remote(len(range(number, len(prompts), engines)) * samples)
        return requests


def _tokens(group: list[Experience]) -> list[list[int]]:
    return [experience.sequences[0].tolist() for experience in group]
