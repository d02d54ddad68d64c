"""A stage as a run in W&B: group = experiment, W&B's step = the stage's."""

import os
import shutil
from collections.abc import Sequence
from typing import Any

from passk.base.errors import ConfigError, PasskError
from passk.experiment.plan import Plan
from passk.experiment.tracker_config import WandbTracker
from passk.files.layout import StageRecord
from passk.trackers.scalars import parameters, scalars

INIT_SECONDS = FINISH_SECONDS = 15.0
"""without an answer; W&B's client keeps the process from ending for so long"""
_OFFLINE = ("offline", "dryrun")
_WITHOUT_SERVER = (*_OFFLINE, "disabled")


def require_login() -> None:
    """Raise ConfigError where W&B is to be sent to and there is no login. It is not tried: no server is asked."""
    import wandb

    try:
        known = wandb.setup().settings.mode in _WITHOUT_SERVER or wandb.login(prompt=False, verify=False)
    except wandb.Error as error:
        raise ConfigError(f"trackers.wandb: {' '.join(str(error).split())}") from None
    if not known:
        raise ConfigError("trackers.wandb: no login; `wandb login`, or set WANDB_API_KEY, or WANDB_MODE=offline")


class WandbRun:
    """outside.Run. Of the machine nothing is sent: no code, no console, no environment, no load."""

    def __init__(self, settings: WandbTracker, plan: Plan, record: StageRecord) -> None:
        import wandb

        name = f"{record.experiment}-{record.key}"
        if wandb.setup().settings.mode in _OFFLINE:
            # Nobody can be asked what is there, so the file is made anew from the first step on. One that was sent
            # to a server already is left: W&B marks it.
            for before in (plan.directory / "wandb").glob(f"offline-run-*-{name}"):
                if not any(before.glob("*.synced")):
                    shutil.rmtree(before)
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
            reinit="create_new",  # stages that train side by side
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
        self._files = os.path.relpath(self._run.sync_dir)
        self.where = f"written to {self._files}" if self._run.offline else self._run.url or "switched off"

    def send(self, lines: Sequence[dict[str, Any]]) -> None:
        for line in lines:
            self._run.log(scalars(line), step=line["step"])
            self.last = line["step"]

    def end(self, succeeded: bool) -> None:
        try:
            self._run.finish(exit_code=0 if succeeded else 1)
        except TimeoutError:
            raise PasskError(f"not all was sent in time; wandb sync {self._files}") from None
