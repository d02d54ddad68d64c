"""Run TRL's GRPOTrainer with an advantage estimator of passk.

    from passk.adapters.trl import PasskGRPOTrainer

    trainer = PasskGRPOTrainer(model, reward, args, dataset, estimator="passk_analytical", k=4)
    trainer.train()

Everything else is GRPOTrainer's own. The advantages are replaced after TRL has computed its own, from the rewards that
TRL has gathered from all processes. `scale_rewards` therefore has no effect. In evaluation TRL's advantages stay. They
affect only eval_loss, so k need not be defined for num_generations_eval.

A completion that TRL keeps out of the loss is also left out of its group. `mask_truncated_completions` does so with
truncated ones. vLLM's importance sampling does so with those beyond its bounds (`sequence_mask`, `token_mask`).
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from accelerate.utils import gather, gather_object
from trl import GRPOTrainer

from passk import advantage
from passk.adapters import groups
from passk.base.errors import ConfigError

Answers = Callable[[list[Any]], list[str | None]]


class PasskGRPOTrainer(GRPOTrainer):
    """GRPOTrainer whose advantages come from an estimator of passk.

    estimator, k, options: as in `passk.advantage.compute`; N is `num_generations`.
    answers: function for an estimator that needs answers. It gets completions as a reward function does, and returns
    the answer of each, or None.
    All other arguments are GRPOTrainer's. The reward of a completion is the sum of its rewards, weighted by
    `reward_weights`.

    Raise ConfigError before training if the estimator cannot be used as requested. While training, raise PasskError as
    `compute` does, and for a completion that no reward function has scored.
    """

    def __init__(
        self,
        *arguments: Any,
        estimator: str | advantage.Estimator,
        k: int,
        options: Mapping[str, Any] | None = None,
        answers: Answers | None = None,
        **keywords: Any,
    ) -> None:
        self.estimator = advantage.get(estimator) if isinstance(estimator, str) else estimator
        self.k, self.answers = k, answers
        super().__init__(*arguments, **keywords)
        self.options = advantage.check(self.estimator, k, self.num_generations, options)
        needs = advantage.needs(self.estimator, self.options)
        if "entropy" in needs:
            raise ConfigError(
                "estimator", f"{needs['entropy']} needs entropy, which TRL computes later", "choose another estimator"
            )
        if "state" in needs:
            problem = f"{needs['state']} keeps a state over steps, which TRL does not save"
            raise ConfigError("estimator", problem, "choose another estimator")
        if "answers" in needs and answers is None:
            raise ConfigError("answers", f"{needs['answers']} needs them", "pass answers=, one answer per completion")
        if "answers" not in self.estimator.inputs and answers is not None:
            raise ConfigError("answers", f"{self.estimator.name} does not use them", "remove answers=")
        if self.multi_objective_aggregation != "sum_then_normalize":
            raise ConfigError(
                "multi_objective_aggregation", "estimators need the sum of the rewards", "set sum_then_normalize"
            )
        # Every process uses the same seed, so all draw alike for the batch that they share.
        self._generator = torch.Generator().manual_seed(self.args.seed)

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> torch.Tensor:
        self._rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        if self.answers:
            self._answers = gather_object(self.answers(completions))
        return self._rewards

    def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:
        training = self.model.training
        output = super()._generate_and_score_completions(inputs)
        if training:
            every, local = self._advantages(gather(_trained(output))), len(output["advantages"])
            output["advantages"] = every[self.accelerator.process_index * local :][:local]
            shown = self._logs["advantages"]
            for _ in range(min(len(every), len(shown))):
                shown.pop()
            shown.extend(every.tolist())
        return output

    def _advantages(self, trained: torch.Tensor) -> torch.Tensor:
        """Return the advantages of all processes in TRL's order, [P * N], with the N rollouts of a prompt in a row."""
        scores = self._rewards
        rewards = (scores * self.reward_weights.to(scores.device)).nansum(dim=1)
        rewards[scores.isnan().all(dim=1)] = torch.nan
        return groups.advantages(
            self.estimator,
            rewards,
            [row // self.num_generations for row in range(len(rewards))],
            trained.tolist(),
            self.k,
            self.options,
            answers=self._answers if self.answers else None,
            generator=self._generator if "generator" in self.estimator.inputs else None,
        )


def _trained(output: dict[str, Any]) -> torch.Tensor:
    """Return which rollouts of this process have a token in the loss, [B]."""
    weight = output["completion_mask"]
    for name in ("tool_mask", "importance_sampling_ratio"):
        if name in output:
            weight = weight * output[name]
    return weight.any(dim=1)
