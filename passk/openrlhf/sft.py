"""Run OpenRLHF's train_sft with a record of every step.

torchrun --nproc-per-node 8 -m passk.openrlhf.sft <OpenRLHF flags> --passk.record DIR
"""

import argparse
import os
import runpy
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from passk.openrlhf import checkpoints
from passk.openrlhf.exports import Exports
from passk.openrlhf.flag_readers import count
from passk.openrlhf.step_recorder import MetricsLog
from passk.runtime import failure_record, worker_setup

COLUMNS = ("prompts", "responses", "prompt_ids_lens", "response_ranges")
"""Columns of OpenRLHF's SFTDataset, read sample by sample."""
PROCESSES = 8
"""Processes that prepare the dataset, if there are as many cores."""


def main(arguments: list[str]) -> None:
    """Run the trainer with OpenRLHF's and passk's arguments."""
    parser = argparse.ArgumentParser(prog="python -m passk.openrlhf.sft", allow_abbrev=False)
    parser.add_argument("--passk.record", dest="record", type=Path, required=True, help="Directory for metrics.jsonl.")
    parser.add_argument("--passk.export_every", dest="export_every", type=count, help="Steps between exported models.")
    settings, rest = parser.parse_known_args(arguments)
    worker_setup.install()

    import openrlhf.datasets
    import openrlhf.trainer.sft_trainer as upstream
    from openrlhf.utils.deepspeed import DeepspeedStrategy

    from passk.openrlhf import saved_model

    class ListedSFTDataset(openrlhf.datasets.SFTDataset):
        """OpenRLHF's dataset with columns as lists, since each look-up in a datasets column scans the whole table."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **{"num_processors": min(PROCESSES, os.cpu_count() or 1), **options})
            for name in COLUMNS:
                column = getattr(self, name)
                setattr(self, name, None if column is None else list(column))

    log = MetricsLog(settings.record.resolve())

    class RecordingSFTTrainer(upstream.SFTTrainer):
        """OpenRLHF's trainer with a record of every optimizer step."""

        def fit(self, args: Any, consumed_samples: int = 0, num_update_steps_per_epoch: int | None = None) -> None:
            self.recorded = time.perf_counter()
            done, first = consumed_samples // args.train.batch_size, self.strategy.is_rank_0()
            self.exports = Exports(settings.record.resolve(), settings.export_every, first=first)
            self.exports.forget_after(done)
            if first:
                log.forget_after(done)
            super().fit(args, consumed_samples, num_update_steps_per_epoch)

        def save_logs_and_checkpoints(
            self,
            args: Any,
            global_step: int,
            step_bar: Any,
            logs_dict: dict | None = None,
            client_states: dict | None = None,
        ) -> None:
            now = time.perf_counter()
            logs = logs_dict or {}
            loss = (
                self.strategy.all_reduce(logs["loss_mean"]) if "loss_mean" in logs else None
            )  # of this process so far
            if self.strategy.is_rank_0():
                log.write(
                    {
                        "step": global_step,
                        "seconds": now - self.recorded,
                        "lr": logs.get("lr"),
                        "grad_norm": logs.get("grad_norm"),
                        "loss": loss,
                    }
                )
            self.recorded = now
            self.exports.write(global_step, self._export)
            # DeepSpeed's save ends with a barrier: all processes have written their files when the first one seals.
            first = self.strategy.is_rank_0()
            with checkpoints.saving(Path(args.ckpt.path) / f"global_step{global_step}") if first else nullcontext():
                super().save_logs_and_checkpoints(args, global_step, step_bar, logs_dict, client_states)

        def _export(self, directory: Path) -> None:
            saved_model.write(self.strategy, self.model, self.tokenizer, str(directory))

    openrlhf.datasets.SFTDataset = ListedSFTDataset
    DeepspeedStrategy.save_model = saved_model.write
    upstream.SFTTrainer = RecordingSFTTrainer
    sys.argv = ["openrlhf.cli.train_sft", *rest]
    runpy.run_module("openrlhf.cli.train_sft", run_name="__main__")


if __name__ == "__main__":
    with failure_record.recorded():
        main(sys.argv[1:])
