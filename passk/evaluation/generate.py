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

from passk.base.errors import PasskError
from passk.evaluation.judge import Judge
from passk.evaluation.request import Request, problem_seed
from passk.files.layout import SAMPLE_COLUMNS
from passk.verifiers import AnswerError, Verdict
from passk.verifiers.extract import as_read

if TYPE_CHECKING:
    from vllm import LLM, RequestOutput, SamplingParams
    from vllm.outputs import CompletionOutput

# Multiple of the sequences that the engine runs at once: as many requests wait as run, so the engine is always full.
QUEUED = 2
UNJUDGED = 4096
"""Most samples that wait for their verdicts; beyond it, no new request starts."""
PART_SAMPLES = 2048
"""Samples of a full part."""
PART_SECONDS = 5.0
"""Longest time between two parts; a kill loses at most this and the requests in the engine."""


@dataclass
class Part:
    """Whole problems, each with all its samples."""

    columns: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in SAMPLE_COLUMNS})
    """Values of SAMPLE_COLUMNS, one per sample."""
    seconds: float = 0.0
    """Wall time since the previous part."""
    judging: float = 0.0
    """Seconds of this time in which verifiers held up the engine's process."""
    prompt_tokens: int = 0
    """Tokens of the prompts, as an endpoint counts them."""

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.columns["problem"])


class Sampled(NamedTuple):
    """A problem whose samples are complete and whose verdicts are being computed."""

    row: Mapping[str, Any]
    seed: int
    responses: "list[CompletionOutput]"
    verdicts: "list[Future[Verdict]]"


Running = dict[str, tuple[Mapping[str, Any], int]]
"""Problem and seed of each running request, by vLLM's name of the request."""


def parts(
    engine: "LLM", request: Request, rows: Sequence[Mapping[str, Any]], judge: Judge
) -> Generator[Part, None, None]:
    """Sample and judge `rows` (id, prompt, answer, verifier), in about their order, and yield parts.

    A part follows every PART_SECONDS or as soon as it is full; with `request.deterministic`, after each batch. An empty
    part after PART_SECONDS without another one shows that the engine works. Raise PasskError if the engine refuses a
    prompt or the verifier a gold answer. At the end, even after an error, all requests in the engine are aborted.
    """
    running: Running = {}
    sampled: list[Sampled] = []
    try:
        yield from _parts(engine, request, rows, judge, running, sampled)
    finally:
        if running:
            engine.llm_engine.abort_request(list(running))
        for verdict in (verdict for each in sampled for verdict in each.verdicts):
            verdict.cancel()


def _parts(
    engine: "LLM",
    request: Request,
    rows: Sequence[Mapping[str, Any]],
    judge: Judge,
    running: Running,
    sampled: list[Sampled],
) -> Iterator[Part]:
    core = engine.llm_engine
    places = QUEUED * core.vllm_config.scheduler_config.max_num_seqs
    waiting = deque(rows)
    part = Part()
    since = yielded = time.perf_counter()
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
                    sampled.append(_judged(output, *running.pop(output.request_id), request, judge))
        else:
            judge.wait(sampled[0].verdicts)
        # a verdict that takes its whole deadline does not hold up the problems after it
        sampled[:] = [each for each in sampled if not added(part, each)]
        if is_whole(part, time.perf_counter() - since, request, idle=not running and not sampled, last=not waiting):
            part.seconds, part.judging = time.perf_counter() - since, judge.seconds
            since, judge.seconds = time.perf_counter(), 0.0
            yield part
            part, yielded = Part(), time.perf_counter()
        elif time.perf_counter() - yielded >= PART_SECONDS:
            yield Part()
            yielded = time.perf_counter()


def is_whole(part: Part, seconds: float, request: Request, *, idle: bool, last: bool) -> bool:
    if idle and (last or request.piece):
        return True
    # the time of an empty part counts for the next one, since empty parts are not written
    full = len(part) >= PART_SAMPLES or (len(part) > 0 and seconds >= PART_SECONDS)
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
    settings = sampling_parameters(request, seed)
    try:
        if request.chat:
            message = [{"role": "user", "content": row["prompt"]}]
            [name] = engine.enqueue_chat([message], settings, use_tqdm=False)
        else:
            # as in training, the tokenizer adds no begin-of-sequence token to the prompt
            plain = {"add_special_tokens": False}
            [name] = engine.enqueue([row["prompt"]], settings, use_tqdm=False, tokenization_kwargs=plain)
    except ValueError as error:
        reason = " ".join(str(error).split())[:200]
        raise PasskError(f"{row['id']}: vLLM refuses the prompt of {len(row['prompt'])} characters: {reason}") from None
    # vLLM appends letters to the number that its outputs have
    running[name.partition("-")[0]] = (row, seed)


def sampling_parameters(request: Request, seed: int) -> "SamplingParams":
    """Return the parameters of a problem's request, which samples all its responses, each with its own seed."""
    from vllm import SamplingParams

    config = request.record["config"]
    return SamplingParams(
        n=request.samples,
        temperature=config["temperature"],
        top_p=config["top_p"],
        max_tokens=config["max_response"],
        seed=seed,
        logprobs=0,
        # only the sum is used; otherwise vLLM keeps one object per token
        flat_logprobs=True,
        skip_special_tokens=True,
    )


def _judged(output: "RequestOutput", row: Mapping[str, Any], seed: int, request: Request, judge: Judge) -> Sampled:
    verdicts = [
        judge.submit(row["verifier"], as_read(response.text, opens_thinking=request.opens_thinking), row["answer"])
        for response in output.outputs
    ]
    return Sampled(row, seed, output.outputs, verdicts)


def added(part: Part, sampled: Sampled) -> bool:
    """Add a problem to the part if all its verdicts are available, and return whether they are."""
    if not all(verdict.done() for verdict in sampled.verdicts):
        return False
    for response, judged in zip(sampled.responses, sampled.verdicts, strict=True):
        try:
            verdict = judged.result()
        except AnswerError as error:
            raise PasskError(f"{sampled.row['id']}: {error}") from None
        tokens = len(response.token_ids)
        values = (
            sampled.row["id"],
            response.index,
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
            part.columns[name].append(value)
    return True
