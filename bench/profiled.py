"""passk.openrlhf with a clock in the trainer's process: where the wall time of each step goes.

The parts of a step are nested, and each counts the time that no part inside it counts. After the last step the trainer
writes profile.json into its record: part -> seconds of each step.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import ray

from bench.profile_step import EVALUATION, FILE
from passk.openrlhf.__main__ import main
from passk.runtime import worker_setup

worker_setup.install()  # before OpenRLHF is imported, as in a worker
from passk.openrlhf import trainer  # noqa: E402


class Clock:
    """Exclusive times of nested parts."""

    def __init__(self) -> None:
        self.steps: list[dict[str, float]] = []
        self._now: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = time.perf_counter()

    def _turn(self) -> None:
        now = time.perf_counter()
        self._now[self._open[-1] if self._open else "between the parts"] += now - self._since
        self._since = now

    def timed(self, owner: Any, method: str, part: str) -> None:
        """Replace a method of an object by one that counts for `part`."""
        call: Callable[..., Any] = getattr(owner, method)

        def counted(*arguments: Any, **options: Any) -> Any:
            self._turn()
            self._open.append(part)
            try:
                return call(*arguments, **options)
            finally:
                self._turn()
                self._open.pop()

        setattr(owner, method, counted)

    def end_step(self) -> None:
        """Begin the next step."""
        self._turn()
        self.steps.append(dict(self._now))
        self._now.clear()


class ProfiledTrainer(trainer.PasskTrainer):
    """passk's trainer with a clock."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.clock = clock = Clock()
        samples, maker = self.samples_generator, self.experience_maker
        clock.timed(samples, "generate_samples", "rollouts: vLLM and OpenRLHF's generator")
        clock.timed(samples, "between_steps", EVALUATION)
        clock.timed(samples, "_compare_weights", "weights of vLLM compared (passk)")
        clock.timed(samples, "_dispatch_prompts_to_vllm", "rollouts: dispatch of the prompts")
        clock.timed(maker, "make_experience_batch", "log-probabilities of the policy, rewards")
        clock.timed(maker, "compute_advantages_and_returns", "advantages and the step's record in memory (passk)")
        clock.timed(self, "ppo_train", "training: the policy's actor")
        clock.timed(self, "broadcast_to_vllm", "weights to vLLM")
        clock.timed(self, "train_step", "training: batches to the actors, seeds, statistics")
        clock.timed(self.recorder, "write", "record on the disk (passk)")
        clock.timed(self, "save_logs_and_checkpoints", "checkpoint and logs")

    def save_logs_and_checkpoints(self, *arguments: Any, **options: Any) -> None:
        super().save_logs_and_checkpoints(*arguments, **options)
        self.clock.end_step()
        (self.settings.record / FILE).write_text(json.dumps(self.clock.steps))


def remote(factory: trainer.TrainerFactory, *arguments: Any, **options: Any) -> "ray.actor.ActorHandle":
    """Start the profiled trainer in place of passk's."""
    return ray.remote(ProfiledTrainer).remote(*arguments, settings=factory.settings, **options)


if __name__ == "__main__":
    from bench import profiled

    trainer.TrainerFactory.remote = profiled.remote  # type: ignore[method-assign]
    main(sys.argv[1:])
