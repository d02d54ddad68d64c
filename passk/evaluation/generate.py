"""Sample problems with one vLLM engine and judge the samples while it runs.

A new request starts whenever another one ends. Memory holds only the requests in the engine and the samples that wait
for their verdicts or for the disk, so it does not depend on the number of problems.
"""

import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from passk.base.errors import PasskError, one_line
from passk.evaluation.judge import Judge
from passk.evaluation.request import Request, problem_seed
from passk.files.schema import SAMPLE_COLUMNS
from passk.models.prompt_format import PromptFormat
from passk.models.sampling import parameters, submitted, verdicts
from passk.verifiers import Verdict

if TYPE_CHECKING:
    from vllm import LLM, SamplingParams
    from vllm.outputs import CompletionOutput

# Multiple of the sequences that the engine runs at once: as many requests wait as run, so the engine is always full.
QUEUED = 2
UNJUDGED = 4096
"""Most samples that wait for their verdicts; beyond it, no new request starts."""
SHARD_SAMPLES = 2048
"""Samples of a full shard."""
SHARD_SECONDS = 5.0
"""Longest time between two shards; a kill loses at most this and the samples in the engine."""


@dataclass
class Shard:
    """Samples: all of a problem, or of a problem that takes longer than SHARD_SECONDS those that are complete."""

    columns: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in SAMPLE_COLUMNS})
    """Values of SAMPLE_COLUMNS, one per sample."""
    seconds: float = 0.0
    """Wall time since the previous shard."""
    judging: float = 0.0
    """Seconds of this time in which verifiers held up the engine's process."""
    in_flight: int = 0
    """Tokens that the engine has generated for samples that are not complete."""
    prompt_tokens: int = 0
    """Tokens of the prompts, as an endpoint counts them."""

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.columns["problem"])


class Sampled(NamedTuple):
    """Complete samples of a problem whose verdicts are being computed."""

    row: Mapping[str, Any]
    seed: int
    responses: "list[CompletionOutput]"
    verdicts: "list[Future[Verdict]]"
    first: int = 0
    """Number of the first response among the samples of the problem."""


class _Request(NamedTuple):
    """A running request."""

    row: Mapping[str, Any]
    seed: int
    """Of its first sample."""
    first: int
    """Number of its first sample among those of the problem."""
    taken: set[int]
    """Places in the request of the samples that were taken before its end."""


Running = dict[str, _Request]
"""The running requests by the number that vLLM gave them."""


def shards(
    engine: "LLM", request: Request, rows: Sequence[Mapping[str, Any]], judge: Judge
) -> Generator[Shard, None, None]:
    """Sample and judge `rows` (id, prompt, answer, verifier), in about their order, and yield shards.

    A row may list the numbers of its samples that are missing, as `missing`; otherwise all are.

    A shard follows every SHARD_SECONDS or as soon as it is full; with `request.deterministic`, after each batch. An
    empty shard after SHARD_SECONDS without another one shows that the engine works. Raise PasskError if the engine
    refuses a prompt or the verifier a gold answer. At the end, even after an error, all requests in the engine are
    aborted.
    """
    running: Running = {}
    sampled: list[Sampled] = []
    try:
        yield from _shards(engine, request, rows, judge, running, sampled)
    finally:
        if running:
            engine.llm_engine.abort_request(list(running))
        for verdict in (verdict for each in sampled for verdict in each.verdicts):
            verdict.cancel()


def _shards(
    engine: "LLM",
    request: Request,
    rows: Sequence[Mapping[str, Any]],
    judge: Judge,
    running: Running,
    sampled: list[Sampled],
) -> Iterator[Shard]:
    core = engine.llm_engine
    places = QUEUED * core.vllm_config.scheduler_config.max_num_seqs
    waiting = deque(rows)
    shard = Shard()
    since = yielded = looked = time.perf_counter()
    while waiting or running or sampled:
        if request.piece:
            if not running and not sampled:
                _start_batch(engine, request, waiting, running)
        else:
            while waiting and core.get_num_unfinished_requests() < places and len(sampled) * request.samples < UNJUDGED:
                _start(engine, request, waiting.popleft(), running)
        if running:
            for output in core.step():
                if output.finished:
                    ended = running.pop(output.request_id)
                    outputs = [each for each in output.outputs if each.index not in ended.taken]
                    sampled.append(_judged(outputs, ended, request, judge))
        else:
            judge.wait(sampled[0].verdicts)
        if not request.piece and time.perf_counter() - looked >= SHARD_SECONDS:
            sampled += [_judged(*early, request, judge) for early in _complete(core, running)]
            looked = time.perf_counter()
        # a verdict that takes its whole deadline does not hold up the problems after it
        sampled[:] = [each for each in sampled if not added(shard, each)]
        if is_whole(shard, time.perf_counter() - since, request, idle=not running and not sampled, last=not waiting):
            shard.seconds, shard.judging = time.perf_counter() - since, judge.seconds
            since, judge.seconds = time.perf_counter(), 0.0
            shard.in_flight = _tokens(core)
            yield shard
            shard, yielded = Shard(), time.perf_counter()
        elif time.perf_counter() - yielded >= SHARD_SECONDS:
            yield Shard(in_flight=_tokens(core))
            yielded = time.perf_counter()


def _complete(core: Any, running: Running) -> Iterator[tuple[list["CompletionOutput"], _Request]]:
    """Yield the complete samples of unfinished requests that were not taken before, with their request."""
    for name, parent in core.output_processor.parent_requests.items():
        each = running[name.partition("-")[0]]
        new = [output for output in parent.output_aggregator if output is not None and output.index not in each.taken]
        if new:
            each.taken.update(output.index for output in new)
            yield new, each


def _tokens(core: Any) -> int:
    """Return the number of tokens of the samples that the engine works on."""
    return sum(state.detokenizer.num_output_tokens() for state in core.output_processor.request_states.values())


def is_whole(shard: Shard, seconds: float, request: Request, *, idle: bool, last: bool) -> bool:
    if idle and (last or request.piece):
        return True
    # the time of an empty shard counts for the next one, since empty shards are not written
    full = len(shard) >= SHARD_SAMPLES or (len(shard) > 0 and seconds >= SHARD_SECONDS)
    return full and not request.piece


def _start_batch(engine: "LLM", request: Request, waiting: deque, running: Running) -> None:
    """Start a batch in an empty engine all at once, so that its numbers do not depend on earlier requests."""
    engine.reset_prefix_cache()
    engine.sleep(level=0)
    try:
        for _ in range(min(request.piece or 0, len(waiting))):
            _start(engine, request, waiting.popleft(), running)
    finally:
        engine.wake_up(tags=["scheduling"])


def _start(engine: "LLM", request: Request, row: Mapping[str, Any], running: Running) -> None:
    seed = problem_seed(row["id"], request.record["seed"])
    format = PromptFormat(**request.format)
    [prompt] = format.prompts(engine.get_tokenizer() if format.chat else None, [row["prompt"]])
    missing = row.get("missing")
    firsts = [0] if missing is None or len(missing) == request.samples else missing
    try:
        for first in firsts:
            settings = sampling_parameters(request, seed + first)
            if firsts != [0]:
                settings.n = 1
            # as in training, the tokenizer adds no begin-of-sequence token to the prompt
            plain = {"add_special_tokens": False}
            [name] = engine.enqueue([prompt], settings, use_tqdm=False, tokenization_kwargs=plain)
            # vLLM appends letters to the number that its outputs have
            running[name.partition("-")[0]] = _Request(row, seed + first, first, set())
    except ValueError as error:
        reason = one_line(error, 200)
        raise PasskError(f"{row['id']}: vLLM refuses the prompt of {len(row['prompt'])} characters: {reason}") from None


def sampling_parameters(request: Request, seed: int) -> "SamplingParams":
    """Return the parameters of a problem's request, which samples all its responses, each with its own seed."""
    from vllm import SamplingParams

    config = request.record["config"]
    return SamplingParams(
        **parameters(config),
        n=request.samples,
        seed=seed,
        logprobs=0,
        # only the sum is used; otherwise vLLM keeps one object per token
        flat_logprobs=True,
    )


def _judged(responses: "list[CompletionOutput]", of: _Request, request: Request, judge: Judge) -> Sampled:
    texts = [response.text for response in responses]
    judged = submitted(judge.submit, of.row, texts, opens_thinking=request.opens_thinking)
    return Sampled(of.row, of.seed, responses, judged, of.first)


def added(shard: Shard, sampled: Sampled) -> bool:
    """Add samples to the shard if all their verdicts are available, and return whether they are."""
    if not all(verdict.done() for verdict in sampled.verdicts):
        return False
    judged = verdicts(sampled.row["id"], sampled.verdicts)
    for response, verdict in zip(sampled.responses, judged, strict=True):
        tokens = len(response.token_ids)
        values = (
            sampled.row["id"],
            sampled.first + response.index,
            response.text,
            verdict.score,
            verdict.correct,
            verdict.extracted,
            verdict.reason,
            tokens,
            response.finish_reason,
            sampled.seed + response.index,
            (response.cumulative_logprob or 0.0) / max(tokens, 1),
        )
        for name, value in zip(SAMPLE_COLUMNS, values, strict=True):
            shard.columns[name].append(value)
    return True
