"""Sample checkpoints on benchmarks with vLLM and judge the answers.

    python -m passk.evaluate.sample REQUEST.json

One process, one engine a shape of model: the weights of the next checkpoint are loaded into the engine that
is there. REQUEST.json is a list of requests as `Request` spells them; passk/steps.py writes it.
"""

import hashlib
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passk import problems, verifiers
from passk.disk import telling_when_full
from passk.layout import SAMPLE_COLUMNS, SamplingRecord, write_json
from passk.openrlhf import cpu

if TYPE_CHECKING:
    from vllm import LLM, RequestOutput, SamplingParams


@dataclass(frozen=True)
class Request:
    """One checkpoint on one benchmark."""

    record: dict[str, Any]
    """SamplingRecord"""
    model: str
    problems: str
    directory: str
    engine: dict[str, Any]
    """keyword arguments of vllm.LLM"""
    chat: bool
    """word the prompt by the model's chat template"""


def main(file: Path) -> None:
    cpu.install_if_asked()
    from vllm import LLM

    requests = [Request(**entry) for entry in json.loads(file.read_text())]
    engine: LLM | None = None
    shape, loaded = None, None
    for number, request in enumerate(requests, 1):
        wanted = _shape(request)
        if engine is None or wanted != shape:
            engine, shape = LLM(model=request.model, **request.engine), wanted
        elif loaded != request.model:
            engine.collective_rpc("reload_weights", kwargs={"weights_path": request.model})
            engine.reset_prefix_cache()
        loaded = request.model
        seconds = sample(engine, request)
        record = request.record
        print(
            f"[{number}/{len(requests)}] {record['checkpoint']} on {record['benchmark']}: "
            f"{record['config']['samples']} samples a problem in {seconds:.1f} s",
            flush=True,
        )


def _shape(request: Request) -> str:
    """What two models must share to be served by one engine, weights apart."""
    config = (
        json.loads((Path(request.model) / "config.json").read_text()) if Path(request.model).is_dir() else request.model
    )
    return json.dumps([config, request.engine], sort_keys=True)


def sample(engine: "LLM", request: Request) -> float:
    """Sample and judge one checkpoint on one benchmark, write its directory, give the seconds it took."""
    from vllm import SamplingParams

    started = time.perf_counter()
    record = SamplingRecord(**request.record)
    rows = problems.load(Path(request.problems))
    settings = record.config
    parameters = [
        SamplingParams(
            n=settings["samples"],
            temperature=settings["temperature"],
            top_p=settings["top_p"],
            max_tokens=settings["max_response"],
            seed=problem_seed(problem, record.seed),
            logprobs=0,
            skip_special_tokens=True,
        )
        for problem in rows["id"]
    ]
    outputs = _generate(engine, list(rows["prompt"]), parameters, chat=request.chat)
    columns: dict[str, list] = {name: [] for name in SAMPLE_COLUMNS}
    for row, parameter, output in zip(rows, parameters, outputs, strict=True):
        for answer in output.outputs:
            verdict = verifiers.verify(row["verifier"], answer.text, row["answer"])
            values = (
                row["id"],
                answer.index,
                answer.text,
                verdict.score,
                verdict.correct,
                verdict.extracted,
                verdict.reason,
                len(answer.token_ids),
                answer.finish_reason,
                parameter.seed + answer.index,
                answer.cumulative_logprob / max(len(answer.token_ids), 1),
            )
            for name, value in zip(SAMPLE_COLUMNS, values, strict=True):
                columns[name].append(value)
    seconds = time.perf_counter() - started
    _write(Path(request.directory), record, columns, seconds)
    return seconds


def problem_seed(problem: str, seed: int) -> int:
    """The seed of a problem's request; its samples take it and the numbers after it.

    From the problem itself, so that the answers do not depend on which problems are sampled beside it.
    """
    return int.from_bytes(hashlib.sha256(f"{seed}/{problem}".encode()).digest()[:4]) >> 1


def _generate(
    engine: "LLM", prompts: list[str], parameters: "list[SamplingParams]", *, chat: bool
) -> "list[RequestOutput]":
    if chat:
        messages = [[{"role": "user", "content": prompt}] for prompt in prompts]
        return engine.chat(messages, parameters, use_tqdm=False)
    return engine.generate(prompts, parameters, use_tqdm=False)


def _write(directory: Path, record: SamplingRecord, columns: dict[str, list], seconds: float) -> None:
    import pyarrow
    import pyarrow.parquet

    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / "sampling.json", record)
    temporary = directory / f".samples.parquet.{os.getpid()}"  # whom it follows may not have ended yet
    try:
        with telling_when_full(directory / "samples.parquet"), temporary.open("wb") as file:
            pyarrow.parquet.write_table(pyarrow.table(columns), file, compression="zstd")
        temporary.replace(directory / "samples.parquet")
    finally:
        temporary.unlink(missing_ok=True)
    write_json(
        directory / "manifest.json",
        {
            "key": record.key,
            "samples": len(columns["problem"]),
            "tokens": sum(columns["tokens"]),
            "seconds": seconds,
        },
    )


def to_json(requests: list[Request]) -> list[dict[str, Any]]:
    return [asdict(request) for request in requests]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
