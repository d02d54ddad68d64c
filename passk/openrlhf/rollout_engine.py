"""OpenRLHF's vLLM actor, seeded anew each step; with full determinism, one that answers a step as one batch.

Sampled as OpenRLHF does it, an answer depends on what was sampled before it and on which requests happened to
be in vLLM's batch: the random numbers are drawn for the whole batch, and the kernels' last bits depend on
its shape. With `--train.full_determinism_enable` each answer has a seed of its own, and vLLM begins when all
requests of the step are there, queued in an order that does not depend on when they came.
"""

import asyncio
from copy import copy
from typing import Any

from openrlhf.trainer.ray.vllm_engine import RolloutRayActor
from openrlhf.trainer.ray.vllm_worker_wrap import WorkerWrap
from vllm import SamplingParams

from passk import cpu
from passk.base.randomness import seed_of
from passk.models import log_probs, remote_code
from passk.openrlhf.prompt_label import identity


class PasskWorkerWrap(WorkerWrap):
    """What OpenRLHF adds to vLLM's workers, and their random state."""

    def seed_sampling(self, seed: int) -> None:
        from vllm.utils.torch_utils import set_random_seed

        set_random_seed(seed)


class PasskEngine(RolloutRayActor.__ray_metadata__.modified_class):
    """OpenRLHF's rollout actor, told of each step before it samples for it."""

    async def __init__(self, *arguments: Any, **options: Any) -> None:
        self.seed = options["seed"]
        """of the run, plus the engine's number"""
        self.deterministic = options["full_determinism"]
        self.step = 0
        self._waiting: list[tuple[list[int], int, asyncio.Future]] = []
        self._asked: dict[tuple[str, str], int] = {}
        options["worker_extension_cls"] = f"{__name__}.{PasskWorkerWrap.__name__}"
        # OpenRLHF says True. A model with code has come so far only if the experiment trusts it.
        options["trust_remote_code"] = remote_code.has_code(options["model"])
        if self.deterministic and cpu.asked():
            # Where a prompt is read in pieces, vLLM winds a seeded request's generator back, which a CPU's cannot.
            options["enable_chunked_prefill"] = False
        await super().__init__(*arguments, **options)

    async def begin_step(self, step: int) -> None:
        """step: from 1. Nothing may be in the engine."""
        self.step = step
        self._asked.clear()
        await self.llm.collective_rpc("seed_sampling", args=(seed_of("engine", self.seed, step),))
        if self.deterministic:
            await self.pause_generation()

    async def log_probs(self, tokens: list[int]) -> list[float]:
        """Return vLLM's log-probability of each token after the first. The engine must be idle and awake."""
        if self.deterministic:
            await self.resume_generation()  # a step without prompts leaves it paused
        output = await super().generate(tokens, SamplingParams(**log_probs.REQUEST))
        await self.reset_prefix_cache()  # a rollout must not depend on this request
        return log_probs.of_prompt(output.prompt_logprobs, tokens)

    async def generate_responses(
        self,
        prompt: str,
        label: Any,
        sampling_params: Any,
        max_length: int,
        hf_tokenizer: Any,
        num_samples: int = 1,
        images: Any = None,
    ) -> list[dict[str, Any]]:
        if not self.deterministic:
            return await super().generate_responses(
                prompt, label, sampling_params, max_length, hf_tokenizer, num_samples, images
            )
        # The same prompt may be asked twice in a step: its samples are numbered on.
        asked = identity(prompt, label)
        first = self._asked.get(asked, 0)
        self._asked[asked] = first + num_samples
        answers = []
        for sample in range(first, first + num_samples):
            own = copy(sampling_params)
            own.seed = seed_of("answer", self.seed, self.step, prompt, label, sample)
            answers.append(super().generate_responses(prompt, label, own, max_length, hf_tokenizer, 1, images))
        return [answer for [answer] in await asyncio.gather(*answers)]

    async def generate(self, prompt_token_ids: list[int], sampling_params: Any, multi_modal_data: Any = None) -> Any:
        if self.deterministic:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append((prompt_token_ids, sampling_params.seed, turn))
            await turn
        return await super().generate(prompt_token_ids, sampling_params, multi_modal_data)

    async def release(self, answers: int) -> None:
        """Let a step's answers begin as soon as all of them are asked for: `answers` of them."""
        while len(self._waiting) < answers:
            await asyncio.sleep(0.001)
        waiting = sorted(self._waiting, key=lambda request: request[:2])
        self._waiting.clear()
        for queued, (_, _, turn) in enumerate(waiting, 1):
            turn.set_result(None)
            while self.get_num_unfinished_requests() < queued:
                await asyncio.sleep(0)
        await self.resume_generation()
