"""Problems -> judged samples, by one vLLM engine: requests are fed as others end, verdicts come in meanwhile.

What is in memory is what is in the engine and what waits for its verdict or to be written, however many
problems there are.
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

# Twice what the engine runs at once: as many wait for a place as have one, so that none is ever empty.
QUEUED = 2
UNJUDGED = 4096
"""samples that wait for their verdict at most, before no more problems are asked"""
PART_SAMPLES = 2048
PART_SECONDS = 5.0
"""between two parts: what a kill may cost beside what was in the engine"""


@dataclass
class Part:
    """Whole problems, each with all its samples."""

    columns: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in SAMPLE_COLUMNS})
    """SAMPLE_COLUMNS, a row a sample"""
    seconds: float = 0.0
    """wall time since the part before it"""
    judging: float = 0.0
    """seconds of it in which the engine's process was held up by verifiers"""

    def __len__(self) -> int:
        return len(self.columns["problem"])


class _Answered(NamedTuple):
    row: Mapping[str, Any]
    seed: int
    answers: "list[CompletionOutput]"
    verdicts: "list[Future[Verdict]]"


Asked = dict[str, tuple[Mapping[str, Any], int]]
"""vLLM's name of a request -> the problem and its seed"""


def parts(
    engine: "LLM", request: Request, rows: Sequence[Mapping[str, Any]], judge: Judge
) -> Generator[Part, None, None]:
    """Sample and judge `rows` (id, prompt, answer, verifier), in their order as near as lengths allow.

    A part comes every PART_SECONDS or as soon as it is full; with `request.deterministic`, after each batch. Where none
    is due in PART_SECONDS an empty one comes, by which whoever waits sees that the engine works. Raises PasskError for
    a problem whose prompt the engine, or whose answer the verifier, refuses. However it is left, the engine has nothing
    of it any more.
    """
    asked: Asked = {}
    answered: list[_Answered] = []
    try:
        yield from _parts(engine, request, rows, judge, asked, answered)
    finally:
        if asked:
            engine.llm_engine.abort_request(list(asked))
        for verdict in (verdict for each in answered for verdict in each.verdicts):
            verdict.cancel()


def _parts(
    engine: "LLM",
    request: Request,
    rows: Sequence[Mapping[str, Any]],
    judge: Judge,
    asked: Asked,
    answered: list[_Answered],
) -> Iterator[Part]:
    core = engine.llm_engine
    places = QUEUED * core.vllm_config.scheduler_config.max_num_seqs
    left = deque(rows)
    part = Part()
    since = told = time.perf_counter()
    while left or asked or answered:
        if request.piece:
            if not asked and not answered:
                _ask_piece(engine, request, left, asked)
        else:
            while left and core.get_num_unfinished_requests() < places and len(answered) * request.samples < UNJUDGED:
                _ask(engine, request, left.popleft(), asked)
        if asked:
            for output in core.step():
                if output.finished:
                    answered.append(_judged(output, *asked.pop(output.request_id), request, judge))
        else:
            judge.wait(answered[0].verdicts)
        # one that takes its whole deadline keeps none behind it
        answered[:] = [each for each in answered if not _add(part, each)]
        if _is_whole(part, time.perf_counter() - since, request, idle=not asked and not answered, last=not left):
            part.seconds, part.judging = time.perf_counter() - since, judge.seconds
            since, judge.seconds = time.perf_counter(), 0.0
            yield part
            part, told = Part(), time.perf_counter()
        elif time.perf_counter() - told >= PART_SECONDS:
            yield Part()
            told = time.perf_counter()


def _is_whole(part: Part, seconds: float, request: Request, *, idle: bool, last: bool) -> bool:
    if idle and (last or request.piece):
        return True
    # what an empty part took is told with the next problem: nobody keeps an empty one
    full = len(part) >= PART_SAMPLES or (len(part) > 0 and seconds >= PART_SECONDS)
    return full and not request.piece


def _ask_piece(engine: "LLM", request: Request, left: deque, asked: Asked) -> None:
    """A batch whose numbers depend on nothing that was before: the engine is empty and begins with all of it."""
    engine.reset_prefix_cache()
    engine.sleep(level=0)
    try:
        for _ in range(min(request.piece or 0, len(left))):
            _ask(engine, request, left.popleft(), asked)
    finally:
        engine.wake_up(tags=["scheduling"])


def _ask(engine: "LLM", request: Request, row: Mapping[str, Any], asked: Asked) -> None:
    seed = problem_seed(row["id"], request.record["seed"])
    settings = sampling_parameters(request, seed)
    try:
        if request.chat:
            message = [{"role": "user", "content": row["prompt"]}]
            [name] = engine.enqueue_chat([message], settings, use_tqdm=False)
        else:
            # as in training, where the prompt is all there is: no begin-of-sequence token of the tokenizer's
            plain = {"add_special_tokens": False}
            [name] = engine.enqueue([row["prompt"]], settings, use_tqdm=False, tokenization_kwargs=plain)
    except ValueError as error:
        reason = " ".join(str(error).split())[:200]
        raise PasskError(f"{row['id']}: vLLM refuses the prompt of {len(row['prompt'])} characters: {reason}") from None
    # vLLM adds letters of its own to the number by which it gives the answers
    asked[name.partition("-")[0]] = (row, seed)


def sampling_parameters(request: Request, seed: int) -> "SamplingParams":
    """What vLLM is asked for a problem: all its samples in one request, each with a seed of its own."""
    from vllm import SamplingParams

    config = request.record["config"]
    return SamplingParams(
        n=request.samples,
        temperature=config["temperature"],
        top_p=config["top_p"],
        max_tokens=config["max_response"],
        seed=seed,
        logprobs=0,
        # the sum alone is used: without this vLLM keeps an object a token
        flat_logprobs=True,
        skip_special_tokens=True,
    )


def _judged(output: "RequestOutput", row: Mapping[str, Any], seed: int, request: Request, judge: Judge) -> _Answered:
    verdicts = [
        judge.submit(row["verifier"], as_read(answer.text, opens_thinking=request.opens_thinking), row["answer"])
        for answer in output.outputs
    ]
    return _Answered(row, seed, output.outputs, verdicts)


def _add(part: Part, answered: _Answered) -> bool:
    """Add a problem to the part, if all its verdicts are there."""
    if not all(verdict.done() for verdict in answered.verdicts):
        return False
    for answer, judged in zip(answered.answers, answered.verdicts, strict=True):
        try:
            verdict = judged.result()
        except AnswerError as error:
            raise PasskError(f"{answered.row['id']}: {error}") from None
        tokens = len(answer.token_ids)
        values = (
            answered.row["id"],
            answer.index,
            answer.text,
            verdict.score,
            verdict.correct,
            verdict.extracted,
            verdict.reason,
            tokens,
            answer.finish_reason,
            answered.seed + answer.index,
            (answer.cumulative_logprob or 0.0) / max(tokens, 1),
        )
        for name, value in zip(SAMPLE_COLUMNS, values, strict=True):
            part.columns[name].append(value)
    return True
