"""vLLM engines that sample: one in this process, or Ray actors, each on its share of the problems."""

import contextlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from passk.base.errors import PasskError
from passk.evaluation.generate import Part, parts
from passk.evaluation.judge import Judge
from passk.evaluation.request import Request, Work
from passk.models import log_probs
from passk.runtime import worker_setup

if TYPE_CHECKING:
    from vllm import LLM

Rows = Sequence[Mapping[str, Any]]
Parts = Generator[Part, None, None]
AHEAD = 4
"""parts that an actor makes before the first of them is fetched"""


class NotLoaded(Exception):
    """vLLM did not take a model. The next request begins with an engine of its own."""


class Engines(Protocol):
    def load(self, request: Request) -> None:
        """Have the request's model in every engine. Raises NotLoaded."""

    def sample(self, request: Request, rows: Rows) -> Parts:
        """Judged samples of all rows, in parts, in whatever order they are done; closed, it ends."""


class Engine:
    """One vLLM engine. The weights of another checkpoint of the same shape are loaded into the one that is there."""

    def __init__(self) -> None:
        worker_setup.install()
        self.llm: LLM | None = None
        """with the model that was loaded last"""
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
                self.llm = None  # before the next one asks for its memory
                self.llm, self._shape = LLM(model=request.model, **request.engine), request.shape
            elif self._loaded != request.model:
                self.llm.collective_rpc("reload_weights", kwargs={"weights_path": request.model})
                self.llm.reset_prefix_cache()
                reloaded = True
        except Exception as error:
            self.llm = None  # it may hold a part of the weights
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
            self.llm = None
            raise NotLoaded(str(error)) from None

    def sample(self, request: Request, rows: Rows) -> Parts:
        assert self.llm is not None
        yield from parts(self.llm, request, rows, self._judge)

    def close(self) -> None:
        self._judge.close()


class _OnRay:
    """An Engine in each of its actors."""

    def __init__(self, engines: int, gpus: int) -> None:
        """gpus: of each engine"""
        import ray

        actor = ray.remote(num_gpus=gpus, num_cpus=1)(Engine)
        self._made = lambda: [actor.remote() for _ in range(engines)]
        self._actors = self._made()

    def load(self, request: Request) -> None:
        import ray

        try:
            if any(ray.get([actor.take.remote(request) for actor in self._actors])):
                reference = log_probs.of_checkpoint(request.model)  # once for all engines
                ray.get([actor.compare.remote(request.model, *reference) for actor in self._actors])
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, NotLoaded):
                raise error.cause from error  # whose text has what vLLM said
            raise

    def sample(self, request: Request, rows: Rows) -> Parts:
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
                    # what an actor tells a person is told as it was said
                    raise error.cause if isinstance(error.cause, PasskError) else error from None
        finally:
            if streams:
                # the others would sample on, or wait for good for somebody to take their parts
                for actor in self._actors:
                    ray.kill(actor)
                self._actors = self._made()


@contextmanager
def started(work: Work) -> Iterator[Engines]:
    """The engines that the work asks for, ended with the context."""
    with ExitStack() as held:
        if work.on_ray:
            import ray

            ray.init(log_to_driver=True)
            held.callback(ray.shutdown)
            yield _OnRay(work.engines, work.gpus)
        else:
            yield held.enter_context(contextlib.closing(Engine()))


def shares(rows: Rows, engines: int, piece: int | None) -> list[list[Mapping[str, Any]]]:
    """What each engine samples: the problems dealt out in turn, `piece` at a time where batches stay together."""
    size = piece or 1
    dealt: list[list[Mapping[str, Any]]] = [[] for _ in range(engines)]
    for number, first in enumerate(range(0, len(rows), size)):
        dealt[number % engines] += rows[first : first + size]
    return dealt
