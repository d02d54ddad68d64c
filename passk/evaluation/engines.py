"""vLLM engines that sample: one in this process, or Ray actors that share the problems."""

import contextlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from passk.base.errors import PasskError
from passk.evaluation.generate import Shard, shards
from passk.evaluation.judge import Judge
from passk.evaluation.request import Request, Work
from passk.models import log_probs
from passk.runtime import ray_gpus, worker_setup

if TYPE_CHECKING:
    from vllm import LLM

Rows = Sequence[Mapping[str, Any]]
ShardStream = Generator[Shard, None, None]
AHEAD = 4
"""Most shards that an actor makes before the first of them is fetched."""


class NotLoaded(Exception):
    """Raised if vLLM cannot load a model. The next request starts a new engine."""


class Engines(Protocol):
    """One or several engines that serve one request at a time."""

    def load(self, request: Request) -> None:
        """Load the request's model into every engine. Raise NotLoaded."""

    def sample(self, request: Request, rows: Rows) -> ShardStream:
        """Yield judged samples of all rows in shards, in order of completion; closing the generator stops it."""


class Engine:
    """One vLLM engine, into which the weights of further checkpoints of the same shape are loaded."""

    def __init__(self) -> None:
        worker_setup.install()
        self.llm: LLM | None = None
        """The vLLM instance with the last loaded model."""
        self._shape = self._loaded = ""
        self._judge = Judge()

    def load(self, request: Request) -> None:
        if self.take(request):
            self.compare(request.model, *log_probs.of_checkpoint(request.model))

    def take(self, request: Request) -> bool:
        """Load the request's model. Return whether vLLM loaded its weights over those of another model."""
        from vllm import LLM

        reloaded = False
        try:
            if self.llm is None or request.shape != self._shape:
                self._end()
                self.llm, self._shape = LLM(model=request.model, **request.engine), request.shape
            elif self._loaded != request.model:
                self.llm.collective_rpc("reload_weights", kwargs={"weights_path": request.model})
                self.llm.reset_prefix_cache()
                reloaded = True
        except Exception as error:
            self._end()  # its weights may be incomplete
            raise NotLoaded(f"vLLM cannot load {request.model}: {' '.join(str(error).split())[:200]}") from error
        self._loaded = request.model
        return reloaded

    def compare(self, model: str, tokens: list[int], reference: list[float]) -> None:
        """Raise NotLoaded if vLLM's log-probabilities of `tokens` are not those of `model`."""
        from vllm import SamplingParams

        assert self.llm is not None
        prompt = {"prompt_token_ids": tokens}
        [output] = self.llm.generate(prompt, SamplingParams(**log_probs.REQUEST), use_tqdm=False)
        self.llm.reset_prefix_cache()
        difference = log_probs.gap(log_probs.of_prompt(output.prompt_logprobs, tokens), reference)
        print(f"{model}: vLLM's log-probabilities of fixed tokens are {difference:.3g} nats off on average", flush=True)
        try:
            log_probs.require_equal(difference, model)
        except PasskError as error:
            self._end()
            raise NotLoaded(str(error)) from None

    def sample(self, request: Request, rows: Rows) -> ShardStream:
        assert self.llm is not None
        yield from shards(self.llm, request, rows, self._judge)

    def close(self) -> None:
        self._judge.close()

    def _end(self) -> None:
        """End vLLM's engine. Without this, vLLM keeps weights and KV cache when the last reference is gone."""
        llm, self.llm = self.llm, None
        if llm is not None:
            with contextlib.suppress(Exception):  # a broken engine must not hide why it is given up
                llm.llm_engine.engine_core.shutdown()


class _OnRay:
    """Engines in Ray actors."""

    def __init__(self, engines: int, gpus: int) -> None:
        """Start the actors. gpus: GPUs of each engine."""
        import ray

        actor = ray.remote(num_gpus=gpus, num_cpus=1)(Engine)
        self._start = lambda: [actor.remote() for _ in range(engines)]
        self._actors = self._start()

    def load(self, request: Request) -> None:
        import ray

        try:
            if any(ray.get([actor.take.remote(request) for actor in self._actors])):
                reference = log_probs.of_checkpoint(request.model)  # once for all engines
                ray.get([actor.compare.remote(request.model, *reference) for actor in self._actors])
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, NotLoaded):
                raise error.cause from error  # its text has vLLM's message
            raise

    def sample(self, request: Request, rows: Rows) -> ShardStream:
        import ray

        options = {"num_returns": "streaming", "_generator_backpressure_num_objects": AHEAD}
        streams = [
            actor.sample.options(**options).remote(request, share)
            for actor, share in zip(self._actors, shares(rows, len(self._actors), request.piece), strict=True)
        ]
        try:
            while streams:
                [stream], _ = ray.wait(streams, num_returns=1)
                try:
                    yield ray.get(next(stream))
                except StopIteration:
                    streams.remove(stream)
                except ray.exceptions.RayTaskError as error:
                    # an actor's PasskError keeps its message
                    raise error.cause if isinstance(error.cause, PasskError) else error from None
        finally:
            if streams:
                # the other actors would continue to sample, or wait forever for a reader of their shards
                for actor in self._actors:
                    ray.kill(actor)
                self._actors = self._start()


@contextmanager
def started(work: Work) -> Iterator[Engines]:
    """Yield the engines for the work, and end them with the block."""
    with ExitStack() as held:
        if any("url" in request.engine for request in work.requests):
            from passk.evaluation.endpoint import Endpoint

            yield held.enter_context(contextlib.closing(Endpoint()))
        elif work.on_ray:
            import ray

            ray.init(log_to_driver=True)
            held.callback(ray.shutdown)
            ray_gpus.wait_for(work.engines * work.gpus)
            yield _OnRay(work.engines, work.gpus)
        else:
            yield held.enter_context(contextlib.closing(Engine()))


def shares(rows: Rows, engines: int, piece: int | None) -> list[list[Mapping[str, Any]]]:
    """Return the problems of each engine, dealt out in turn, `piece` at a time if batches must stay together."""
    size = piece or 1
    dealt: list[list[Mapping[str, Any]]] = [[] for _ in range(engines)]
    for number, first in enumerate(range(0, len(rows), size)):
        dealt[number % engines] += rows[first : first + size]
    return dealt
