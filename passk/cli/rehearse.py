"""`passk rehearse`: run the whole graph of an experiment on CPUs, and write a page on the real run."""

import os
from collections.abc import Callable
from pathlib import Path

import typer

from passk.base.errors import ConfigError, SomeFailed
from passk.experiment import sweep, validate
from passk.experiment.config import Experiment
from passk.experiment.plan import Plan, plan
from passk.experiment.rehearsal import longest, rehearsal
from passk.files import durable, layout, scratch


def rehearse(file: Path, runs: Path, run: Callable[[Plan, Path], None]) -> None:
    """Rehearse the experiment in a file. run: carries out a plan, and receives its file too."""
    from passk.models import published_sizes
    from passk.pipeline import rehearsal_page

    experiment = validate.load(file)
    if experiment.rehearses:
        raise ConfigError("rehearses", f"{file} is a rehearsal already", "run it with `passk run`")
    if experiment.engine:
        raise ConfigError("engine", "an endpoint has no rehearsal", "run the experiment with `passk run`")
    rehearsed, tokenizer = prepared(experiment, layout.rehearsals(runs.resolve()))
    validate.check(rehearsed)
    os.environ["WANDB_MODE"] = "offline"  # nothing of a rehearsal reaches a tracker's server
    laid_out = plan(rehearsed, runs)
    written = sweep.write(rehearsed, laid_out.directory.parent)
    failed: SomeFailed | None = None
    try:
        run(laid_out, written)
    except SomeFailed as error:
        failed = error
    size = published_sizes.find(experiment.model.path) if experiment.model.path else None
    page = layout.rehearsal_page(laid_out.directory)
    text = rehearsal_page.page(experiment, laid_out, tokenizer=tokenizer, size=size, file=str(file))
    durable.write_text(page, text)
    typer.echo(f"\nrehearsal, not a result: {os.path.relpath(page)}")
    if failed:
        raise failed


def prepared(experiment: Experiment, directory: Path) -> tuple[Experiment, str]:
    """Return the rehearsal and a sentence on its tokenizer. Write the stand-in of a HF model once."""
    from passk.models import stand_in

    source = stand_in.cached(experiment.model.path) if experiment.model.path else None
    tokenizer = "own-tokenizer" if source else "bytes"
    home = layout.stand_ins(directory) / f"{experiment.name}-{tokenizer}"
    rehearsed = rehearsal(
        experiment,
        cores=len(os.sched_getaffinity(0)),
        model=str(home),
        own_tokenizer=source is not None,
        trackers=layout.mlflow_of_rehearsals(directory).as_uri(),
    )
    if experiment.model.tiny:
        return rehearsed, "The experiment's tiny model keeps its tokenizer."
    if not (home / "config.json").exists():
        with scratch.beside(home) as temporary:
            stand_in.make(
                source,
                temporary,
                max_length=longest(rehearsed),
                seed=experiment.seed,
                opens_thinking=experiment.model.opens_thinking,
            )
            durable.move(temporary, home)
    if source is None:
        return rehearsed, (
            f"The tokenizer of {experiment.model.path} is not on this machine. A tokenizer of bytes and a chat "
            "template of ChatML's form stand in, so its own template was not exercised."
        )
    return rehearsed, f"The tokenizer and the chat template are those of {experiment.model.path}."
