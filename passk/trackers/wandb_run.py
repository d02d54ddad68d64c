"""Send a stage to W&B as a run: group = experiment, W&B's step = the stage's step."""

import os
import re
import shutil
from collections.abc import Sequence
from typing import Any

from passk.base.errors import ConfigError, PasskError, one_line
from passk.experiment.plan import Plan
from passk.experiment.tracker_config import WandbTracker
from passk.files import layout
from passk.files.layout import StageRecord
from passk.trackers.scalars import is_evaluation, parameters, scalars

INIT_SECONDS = FINISH_SECONDS = 15.0
"""Timeouts without a response. W&B's client keeps the process alive for that long."""
_OFFLINE = ("offline", "dryrun")
_WITHOUT_SERVER = (*_OFFLINE, "disabled")


def require_login() -> None:
    """Raise ConfigError if W&B needs a login and has none. The login is not verified, so no request is sent."""
    import wandb

    try:
        known = wandb.setup().settings.mode in _WITHOUT_SERVER or wandb.login(prompt=False, verify=False)
    except wandb.Error as error:
        reason = one_line(error)
        raise ConfigError("trackers.wandb", reason, "correct WANDB_API_KEY, or run `wandb login`") from None
    if not known:
        raise ConfigError(
            "trackers.wandb", "has no login", "run `wandb login`, or set WANDB_API_KEY, or WANDB_MODE=offline"
        )


class WandbRun:
    """An `outside.Run`. It sends nothing of the machine: no code, no console, no environment, no load."""

    def __init__(self, settings: WandbTracker, plan: Plan, record: StageRecord) -> None:
        import wandb

        name = f"{record.experiment}-{record.key}"
        if wandb.setup().settings.mode in _OFFLINE:
            # Offline, no server can report the stored steps, so the file is rewritten from the first step. A run that
            # was already synced to a server stays: W&B marks it.
            for directory in layout.wandb(plan.directory).glob(f"offline-run-*-{name}"):
                if not any(directory.glob("*.synced")):
                    shutil.rmtree(directory)
        self._run = wandb.init(
            project=settings.project,
            entity=settings.entity,
            group=record.experiment,
            name=record.name,
            id=name,
            resume="allow",
            config=parameters(record),
            allow_val_change=True,
            dir=str(plan.directory),
            reinit="create_new",  # stages that train in parallel
            settings=wandb.Settings(
                console="off",
                disable_code=True,
                disable_git=True,
                x_disable_machine_info=True,
                x_disable_meta=True,
                x_disable_stats=True,
                x_save_requirements=False,
                init_timeout=INIT_SECONDS,
                finish_timeout=FINISH_SECONDS,
                finish_timeout_raises=True,
            ),
        )
        self.last = self._run.starting_step - 1
        known = {} if self._run.offline else dict(self._run.summary)
        self.evaluated = {
            name.split("/")[1]: int(step) for name, step in known.items() if re.fullmatch(r"held_out/[^/]+/step", name)
        }
        self._defined: set[str] = set()
        self._files = os.path.relpath(self._run.sync_dir)
        self.where = f"written to {self._files}" if self._run.offline else self._run.url or "switched off"

    def send(self, lines: Sequence[dict[str, Any]]) -> None:
        for line in lines:
            if is_evaluation(line):
                self._send_evaluation(line)
            else:
                self._run.log(scalars(line), step=line["step"])
                self.last = line["step"]

    def _send_evaluation(self, line: dict[str, Any]) -> None:
        """Log an evaluation over an axis of its own. W&B drops values of a step before its last one."""
        benchmark, step = line["benchmark"], line["step"]
        axis = f"held_out/{benchmark}/step"
        if benchmark not in self._defined:
            self._run.define_metric(axis, hidden=True)
            self._run.define_metric(f"held_out/{benchmark}/*", step_metric=axis)
            self._defined.add(benchmark)
        self._run.log(scalars(line) | {axis: step}, step=max(step, self.last, self._run.starting_step))
        self.evaluated[benchmark] = step

    def end(self, succeeded: bool) -> None:
        try:
            self._run.finish(exit_code=0 if succeeded else 1)
        except TimeoutError:
            raise PasskError(f"some metrics were not sent in time; run wandb sync {self._files}") from None
