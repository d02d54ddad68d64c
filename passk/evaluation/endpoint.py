"""Sample problems with an OpenAI-compatible endpoint in place of vLLM.

Each reply is appended to shards/replies.jsonl as soon as it is there. So neither a failing endpoint nor a kill costs a
finished sample, although a shard has whole problems only.
"""

import json
import queue
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from passk.evaluation.endpoint_client import Choice, Client, Stopped
from passk.evaluation.generate import SHARD_SECONDS, UNJUDGED, Sampled, Shard, added, is_whole
from passk.evaluation.judge import Judge
from passk.evaluation.request import Request, problem_seed
from passk.files import layout
from passk.verifiers.extract import as_read

_POLL_SECONDS = 0.2


@dataclass
class _Problem:
    row: Mapping[str, Any]
    seed: int
    choices: dict[int, Choice] = field(default_factory=dict)
    prompt_tokens: int = 0

    def add(self, first: int, choices: Sequence[Choice], prompt_tokens: int) -> None:
        self.choices |= {first + one.index: Choice(**asdict(one) | {"index": first + one.index}) for one in choices}
        self.prompt_tokens += prompt_tokens


class Endpoint:
    """An endpoint as engine (passk/evaluation/engines.py)."""

    def __init__(self) -> None:
        self._judge = Judge()

    def load(self, request: Request) -> None:
        """Do nothing: the endpoint has its model."""

    def sample(self, request: Request, rows: Sequence[Mapping[str, Any]]) -> Iterator[Shard]:
        """Yield judged samples of all rows in shards. Raise PasskError if the endpoint fails for good."""
        replies = layout.replies(Path(request.directory))
        client = Client(request.engine)
        problems = {row["id"]: _Problem(row, problem_seed(row["id"], request.record["seed"])) for row in rows}
        _read(replies, problems, request)
        workers = _Workers(client, request, replies)
        try:
            yield from self._shards(request, problems, workers)
        finally:
            workers.stop()

    def _shards(self, request: Request, problems: dict[str, _Problem], workers: "_Workers") -> Iterator[Shard]:
        at_once, size = request.engine["concurrency"], request.engine["responses_per_request"]
        waiting = deque(
            (problem, first)
            for problem in problems.values()
            for first in range(0, request.samples, size)
            if first not in problem.choices
        )
        complete = [problem for problem in problems.values() if len(problem.choices) == request.samples]
        running, sampled, shard = 0, [], Shard()
        since = yielded = time.perf_counter()
        while waiting or running or sampled or complete:
            sampled += [self._judged(problem, request, shard) for problem in complete]
            complete = []
            while waiting and running < 2 * at_once and len(sampled) * request.samples < UNJUDGED:
                workers.start(*waiting.popleft())
                running += 1
            if running:
                for problem, first, choices, tokens in workers.finished():
                    running -= 1
                    problem.add(first, choices, tokens)
                    complete += [problem] if len(problem.choices) == request.samples else []
            elif sampled:
                self._judge.wait(sampled[0].verdicts)
            sampled[:] = [each for each in sampled if not added(shard, each)]
            idle = not (running or sampled or complete)
            if is_whole(shard, time.perf_counter() - since, request, idle=idle, last=not waiting):
                shard.seconds, shard.judging = time.perf_counter() - since, self._judge.seconds
                since, self._judge.seconds = time.perf_counter(), 0.0
                yield shard
                shard, yielded = Shard(), time.perf_counter()
            elif time.perf_counter() - yielded >= SHARD_SECONDS:
                yield Shard()
                yielded = time.perf_counter()

    def _judged(self, problem: _Problem, request: Request, shard: Shard) -> Sampled:
        responses = [problem.choices[place] for place in range(request.samples)]
        texts = (as_read(one.text, opens_thinking=request.opens_thinking) for one in responses)
        verdicts = [self._judge.submit(problem.row["verifier"], text, problem.row["answer"]) for text in texts]
        shard.prompt_tokens += problem.prompt_tokens
        return Sampled(problem.row, problem.seed, responses, verdicts)

    def close(self) -> None:
        self._judge.close()


class _Workers:
    """Threads that send requests. They are daemons, since a request may take long to end."""

    def __init__(self, client: Client, request: Request, replies: Path) -> None:
        self._client, self._request, self._replies = client, request, replies
        self._jobs: queue.SimpleQueue[tuple[_Problem, int] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0

    def start(self, problem: _Problem, first: int) -> None:
        self._jobs.put((problem, first))
        if self._threads < self._request.engine["concurrency"]:
            self._threads += 1
            threading.Thread(target=self._run, name="endpoint", daemon=True).start()

    def finished(self) -> Iterator[tuple[_Problem, int, list[Choice], int]]:
        """Yield what has finished, after a short wait. Raise the error of a request after the others."""
        error = None
        with suppress(queue.Empty):
            reply = self._done.get(timeout=_POLL_SECONDS)
            while True:
                if isinstance(reply, BaseException):
                    error = error or reply
                else:
                    yield reply
                reply = self._done.get_nowait()
        if error:
            raise error

    def stop(self) -> None:
        self._client.stop()
        for _ in range(self._threads):
            self._jobs.put(None)

    def _run(self) -> None:
        config, size = self._request.record["config"], self._request.engine["responses_per_request"]
        system = self._request.format.get("system_prompt")
        while job := self._jobs.get():
            problem, first = job
            n = min(size, self._request.samples - first)
            try:
                choices, tokens = self._client.ask(
                    problem.row["prompt"], config, seed=problem.seed + first, n=n, system=system
                )
                self._keep(problem.row["id"], first, choices, tokens)
                self._done.put((problem, first, choices, tokens))
            except Stopped:
                return
            except BaseException as error:
                self._client.stop()
                self._done.put(error)
                return

    def _keep(self, problem: str, first: int, choices: list[Choice], tokens: int) -> None:
        line = {
            "problem": problem,
            "first": first,
            "prompt_tokens": tokens,
            "choices": [asdict(one) for one in choices],
        }
        with self._lock, self._replies.open("a") as file:
            file.write(json.dumps(line) + "\n")


def _read(replies: Path, problems: dict[str, _Problem], request: Request) -> None:
    """Add the replies of an earlier process. The last line may be cut off, and another one follows it."""
    if not replies.exists():
        return
    size = request.engine["responses_per_request"]
    text = replies.read_text(errors="replace")
    for line in text.split("\n"):
        with suppress(ValueError, LookupError, TypeError, AttributeError, RecursionError):
            reply = json.loads(line)
            problem, first = problems[reply["problem"]], reply["first"]
            choices = [Choice(**one) for one in reply["choices"]]
            if (
                first % size == 0
                and len(choices) == min(size, request.samples - first)
                and first not in problem.choices
            ):
                problem.add(first, choices, reply["prompt_tokens"])
    if text and not text.endswith("\n"):
        with replies.open("a") as file:
            file.write("\n")
