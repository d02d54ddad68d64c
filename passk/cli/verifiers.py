"""`passk verify` judges the responses in a file. `passk verifiers list` lists the verifiers."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from passk import verifiers
from passk.base.errors import ConfigError
from passk.base.terminal import aligned
from passk.verifiers import AnswerError
from passk.verifiers.extract import as_read
from passk.verifiers.pool import MEMORY, SECONDS, Pool

OpensThinking = Annotated[
    bool,
    typer.Option(
        "--opens-thinking",
        help="Prompts end with <think>: a response without </think> gives no answer (default: off).",
    ),
]

app = typer.Typer(help="List the verifiers.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """List the verifiers."""


@app.command("list")
def list_verifiers() -> None:
    """Print each verifier with a description and the reasons that its verdicts give."""
    rows = [(name, _summary(name), ", ".join(verifiers.load(name).REASONS)) for name in verifiers.names()]
    typer.echo("\n".join(aligned([("verifier", "description", "reasons"), *rows])))


def _summary(name: str) -> str:
    """Return the first sentence of a verifier's docstring."""
    return (verifiers.load(name).__doc__ or "").strip().split("\n\n")[0].split(". ")[0].replace("\n", " ").rstrip(".")


def verify(
    verifier: Annotated[str, typer.Option(help=f"Verifier: {', '.join(verifiers.names())}.")],
    file: Annotated[Path, typer.Option(help="JSON lines file with the fields response and answer.")],
    seconds: Annotated[float, typer.Option(min=0.1, help="CPU time limit per response, in seconds.")] = SECONDS,
    opens_thinking: OpensThinking = False,
    memory: Annotated[int, typer.Option(min=1, help="Memory limit per response, in MiB.")] = MEMORY // 2**20,
) -> None:
    """Print one verdict per response as JSON lines. The share of each reason is printed on standard error."""
    verifiers.load(verifier)
    rows = list(_rows(file))
    counts: Counter[str] = Counter()
    with Pool(None, seconds, memory * 2**20) as pool:
        futures = [
            (number, pool.submit(verifier, as_read(response, opens_thinking=opens_thinking), answer))
            for number, response, answer in rows
        ]
        for number, future in futures:
            try:
                verdict = future.result()
            except AnswerError as error:
                raise ConfigError(str(file), f"line {number}: {error}", "correct the line") from None
            counts[verdict.reason] += 1
            typer.echo(json.dumps(asdict(verdict)))
    shares = ", ".join(f"{reason} {count / len(rows):.1%}" for reason, count in counts.most_common())
    print(f"{len(rows)} responses: {shares}", file=sys.stderr)


def _rows(file: Path) -> Iterator[tuple[int, str, str]]:
    """Yield (line number, response, answer). Raise ConfigError that names the file, the line and the fix."""
    try:
        lines = file.read_text().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "file", f"{file} is not readable: {' '.join(str(error).split())}", "name a readable file"
        ) from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            response, answer = row["response"], row["answer"]
        except (ValueError, TypeError, KeyError, RecursionError):
            response = answer = None
        if not (isinstance(response, str) and isinstance(answer, str)):
            raise ConfigError(
                "file", f'{file}: line {number} is not {{"response": text, "answer": text}}', "fix the line"
            )
        yield number, response, answer
    if not any(line.strip() for line in lines):
        raise ConfigError("file", f"{file} has no responses", "add at least one line")
