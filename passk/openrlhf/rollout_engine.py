"""OpenRLHF's vLLM actor with a new seed for each step. With full determinism it samples a step as one batch.

As OpenRLHF samples, a response depends on earlier samples and on the other requests in vLLM's batch. The random
numbers are drawn for the whole batch, and the last bits of the kernels depend on its shape. With
`--train.full_determinism_enable` each response has its own seed. vLLM starts when all requests of the step have
arrived, in an order that does not depend on their arrival.
"""

import asyncio
from copy import copy
from functools import partial
from typing import Any

from openrlhf.trainer.ray.vllm_engine import RolloutRayActor
from openrlhf.trainer.ray.vllm_worker_wrap import WorkerWrap
from openrlhf.utils.agent import SingleTurnAgentExecutor
from vllm import SamplingParams
from vllm.envs import enable_envs_cache
from vllm.sampling_params import RequestOutputKind

from passk import cpu
from passk.base.randomness import seed_of
from passk.models import log_probs, remote_code, sampling
from passk.openrlhf import shared_request
from passk.openrlhf.held_out import Response
from passk.openrlhf.prompt_label import identity
from passk.openrlhf.shared_request import OncePerPrompt, SharedRequest, Uncopied, shareable

FINAL_ONLY = RequestOutputKind.FINAL_ONLY
"""One output for each response. OpenRLHF would get one for each token, and read the last."""


class PasskWorkerWrap(WorkerWrap):
    """OpenRLHF's extension of vLLM's workers, with a method that seeds sampling."""

    def seed_sampling(self, seed: int) -> None:
        from vllm.utils.torch_utils import set_random_seed

        set_random_seed(seed)


class PasskEngine(RolloutRayActor.__ray_metadata__.modified_class):
    """OpenRLHF's rollout actor, notified of each step before it samples."""

    async def __init__(self, *arguments: Any, **options: Any) -> None:
        self.seed = options["seed"]
        """Seed of the run plus the number of the engine."""
        self.deterministic = options["full_determinism"]
        self.step = 0
        self.tokenizer: Any = None
        self.stop: tuple[str, ...] = ()
        self._waiting: list[tuple[list[int], int, asyncio.Future]] = []
        self._samples: dict[tuple[str, str], int] = {}
        options["worker_extension_cls"] = f"{__name__}.{PasskWorkerWrap.__name__}"
        # OpenRLHF sets True. A model with code reaches this point only if the experiment trusts it.
        options["trust_remote_code"] = remote_code.has_code(options["model"])
        if self.deterministic and cpu.requested():
            # With chunked prompts vLLM rewinds a seeded request's generator, which a CPU generator cannot do.
            options["enable_chunked_prefill"] = False
        options["disable_log_stats"] = True  # metrics of a server that nobody reads
        await super().__init__(*arguments, **options)
        # The reward function decodes the tokens itself. An agent of several turns reads vLLM's text.
        self.several_turns = not isinstance(self.executor, SingleTurnAgentExecutor)
        enable_envs_cache()  # else each request reads the environment, which takes a tenth of a CPU step

    async def begin_step(self, step: int, tokenizer: Any, stop: tuple[str, ...] = ()) -> None:
        """Start a step, from 1, whose responses end with one of the texts `stop`. The engine must be empty.

        tokenizer: of the step's prompts. OpenRLHF would send it with each prompt.
        """
        self.step, self.tokenizer, self.stop = step, tokenizer, stop
        self._samples.clear()
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

    async def sample(
        self, seed: int, prompts: list[list[int]], seeds: list[list[int]], parameters: dict[str, Any]
    ) -> list[list[Response]]:
        """Return responses to each prompt, [P][n], for an evaluation. The engine must be idle and awake.

        seed: of the engine. seeds: of the responses, [P][n]. parameters: of vLLM's SamplingParams.
        """
        await self.llm.collective_rpc("seed_sampling", args=(seed,))
        # With chunked prompts vLLM rewinds a seeded request's generator, which a CPU generator cannot do.
        seeded = self.deterministic or not cpu.requested()
        if self.deterministic:
            await self.pause_generation()
        tasks: list[list[asyncio.Task]] = []
        queued = 0
        for tokens, numbers in zip(prompts, seeds, strict=True):
            tasks.append([])
            send = partial(super().generate, tokens)
            params = SamplingParams(**parameters, output_kind=FINAL_ONLY)
            request = None if seeded or not shareable(params) else SharedRequest(len(numbers), params)
            for number in numbers:
                single = copy(params)
                single.seed = number if seeded else None
                tasks[-1].append(asyncio.create_task(request.next(send) if request else send(single)))
                queued += 1
                while self.deterministic and self.get_num_unfinished_requests() < queued:
                    await asyncio.sleep(0)
        if self.deterministic:
            await self.resume_generation()
        responses = []
        for each in tasks:
            outputs = [output.outputs[0] for output in await asyncio.gather(*each)]
            responses.append([Response(o.text, len(o.token_ids), o.finish_reason == "length") for o in outputs])
        await self.reset_prefix_cache()  # a rollout must not depend on these requests
        return responses

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
        hf_tokenizer = self.tokenizer  # None is sent with a prompt
        if self.stop:
            sampling_params = sampling.stopping(sampling_params, self.stop)
        if not self.deterministic:
            # An agent of several turns sends other tokens for each response.
            if not images and not self.several_turns and shareable(sampling_params):
                self._only_the_end(sampling_params)
                shared_request.current.set(SharedRequest(num_samples, sampling_params))
                sampling_params, hf_tokenizer = Uncopied(sampling_params), OncePerPrompt(hf_tokenizer)
            return await super().generate_responses(
                prompt, label, sampling_params, max_length, hf_tokenizer, num_samples, images
            )
        # The same prompt may occur twice in a step. Its samples are numbered consecutively.
        request = identity(prompt, label)
        first = self._samples.get(request, 0)
        self._samples[request] = first + num_samples
        responses = []
        for sample in range(first, first + num_samples):
            params = copy(sampling_params)
            params.seed = seed_of("answer", self.seed, self.step, prompt, label, sample)
            responses.append(super().generate_responses(prompt, label, params, max_length, hf_tokenizer, 1, images))
        return [response for [response] in await asyncio.gather(*responses)]

    async def generate(self, prompt_token_ids: list[int], sampling_params: Any, multi_modal_data: Any = None) -> Any:
        if request := shared_request.current.get():
            return await request.next(partial(super().generate, prompt_token_ids))
        if self.deterministic:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append((prompt_token_ids, sampling_params.seed, turn))
            await turn
        self._only_the_end(sampling_params)
        return await super().generate(prompt_token_ids, sampling_params, multi_modal_data)

    def _only_the_end(self, params: SamplingParams) -> None:
        """Ask for the whole response at its end, and for its text only if that is read."""
        params.output_kind = FINAL_ONLY
        params.detokenize = self.several_turns or bool(params.stop)

    async def release(self, requests: int) -> None:
        """Start the responses of a step once `requests` of them are queued."""
        while len(self._waiting) < requests:
            await asyncio.sleep(0.001)
        waiting = sorted(self._waiting, key=lambda request: request[:2])
        self._waiting.clear()
        for queued, (_, _, turn) in enumerate(waiting, 1):
            turn.set_result(None)
            while self.get_num_unfinished_requests() < queued:
                await asyncio.sleep(0)
        await self.resume_generation()
