"""TRL's own GRPOTrainer with our estimators, trained for a few steps."""

import inspect
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
import torch
from trl import GRPOTrainer

from passk import advantage
from passk.adapters.trl import _trained
from passk.base.errors import ConfigError, PasskError
from tests.adapters.tiny import ROLLOUTS, ends_in_a, prompts, trainer

ROOT = Path(__file__).parents[2]


def expected(estimator, k, texts, reward=ends_in_a, **inputs):
    rewards = torch.tensor(reward(texts)).view(-1, ROLLOUTS)
    return advantage.compute(estimator, rewards, k, **inputs).flatten().tolist()


def starts_with_a(completions, **_):
    return [float(text.split()[:1] == ["a"]) for text in completions]


def first_letters(completions):
    return [text.split()[0] if text else None for text in completions]


def test_the_advantages_of_the_estimator_reach_the_loss(tmp_path):
    # a generation is trained on in two halves, twice, shuffled: as TRL does
    reused = {"steps_per_generation": 2, "gradient_accumulation_steps": 2, "num_iterations": 2, "max_steps": 4}
    trained = trainer(tmp_path, arguments=reused, estimator="passk_analytical", k=2, options={"sigma": False})
    before = {name: weight.clone() for name, weight in trained.model.named_parameters()}
    trained.train()

    estimator = advantage.get("passk_analytical")
    assert len(trained.losses) == 8
    moved = 0
    for first in range(0, 8, 2):
        by_prompt = defaultdict(list)
        for prompt, text, given in trained.losses[first] + trained.losses[first + 1]:
            by_prompt[prompt].append((text, given))
        assert len(by_prompt) == 4
        for rollouts in by_prompt.values():
            right = ends_in_a([text for text, _ in rollouts])
            wrong_gets, right_gets = estimator(ROLLOUTS, int(sum(right)), 2, sigma=False)
            assert [given for _, given in rollouts] == pytest.approx([right_gets if r else wrong_gets for r in right])
            moved += right_gets != 0
    assert moved > 0
    assert any((weight != before[name]).any() for name, weight in trained.model.named_parameters())


def test_the_logged_advantages_are_the_estimators(tmp_path):
    trained = trainer(tmp_path, arguments={"generation_batch_size": 16}, estimator="grpo", k=1)
    trained.train()
    _, _, texts, given = trained.scored[-1]
    assert any(given)
    assert given == pytest.approx(expected("grpo", 1, texts))
    assert list(trained._logs["advantages"]) == given


def test_several_reward_functions_are_summed_by_their_weights_as_trl_does(tmp_path):
    def sometimes(completions, **_):
        return [None if "b" in text else float(text.count("c")) for text in completions]

    def together(texts):
        second = [value or 0.0 for value in sometimes(texts)]
        return [0.5 * one + 2.0 * other for one, other in zip(ends_in_a(texts), second, strict=True)]

    weights = {"reward_weights": [0.5, 2.0]}
    trained = trainer(tmp_path, reward=[ends_in_a, sometimes], arguments=weights, estimator="pkpo_sloo", k=2)
    trained.train()
    for _, _, texts, given in trained.scored:
        assert any(given)
        assert given == pytest.approx(expected("pkpo_sloo", 2, texts, together))


def test_answers_are_handed_to_an_estimator_that_needs_them(tmp_path):
    trained = trainer(tmp_path, estimator="majority", k=3, answers=first_letters)
    trained.train()
    for _, _, texts, given in trained.scored:
        answers = first_letters(texts)
        rows = [answers[i : i + ROLLOUTS] for i in range(0, len(answers), ROLLOUTS)]
        assert any(given)
        assert given == pytest.approx(expected("majority", 3, texts, answers=rows))


@pytest.mark.parametrize(("name", "k"), [("passk_analytical", 1), ("grpo", 1), ("rloo", 1)])
def test_a_truncated_completion_that_trl_masks_does_not_count_in_its_group(tmp_path, name, k):
    masking = {"mask_truncated_completions": True, "max_steps": 4}
    trained = trainer(tmp_path, reward=starts_with_a, arguments=masking, estimator=name, k=k)
    trained.train()
    partly = 0
    for (_, _, texts, advantages), ended in zip(trained.scored, trained.masks, strict=True):
        for i in range(0, len(texts), ROLLOUTS):
            rows = [row for row in range(i, i + ROLLOUTS) if ended[row]]
            rewards = torch.tensor([starts_with_a([texts[row]]) for row in rows]).view(1, -1)
            by_row = dict.fromkeys(range(i, i + ROLLOUTS), 0.0)
            if len(rows) > 1:
                by_row |= zip(rows, advantage.compute(name, rewards, k)[0].tolist(), strict=True)
            assert advantages[i : i + ROLLOUTS] == pytest.approx(list(by_row.values()))
            partly += 1 < len(rows) < ROLLOUTS and any(by_row.values())
    assert partly > 0


def test_what_keeps_a_completion_out_of_the_loss_is_seen():
    kept = torch.tensor([[1, 1, 0], [1, 1, 1], [1, 0, 0]])
    assert _trained({"completion_mask": kept}).tolist() == [True, True, True]
    tools = torch.tensor([[1, 1, 1], [0, 0, 0], [0, 1, 1]])
    assert _trained({"completion_mask": kept, "tool_mask": tools}).tolist() == [True, False, False]
    by_sequence = torch.tensor([[0.0], [0.5], [2.0]])
    assert _trained({"completion_mask": kept, "importance_sampling_ratio": by_sequence}).tolist() == [False, True, True]
    by_token = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    assert _trained({"completion_mask": kept, "importance_sampling_ratio": by_token}).tolist() == [False, True, True]


def test_evaluation_works_with_fewer_rollouts_than_k(tmp_path):
    fewer = {"num_generations_eval": 1, "per_device_eval_batch_size": 3}
    trained = trainer(tmp_path, arguments=fewer, eval_dataset=prompts(), estimator="passk_analytical", k=2)
    assert "eval_reward" in trained.evaluate()
    trained.train()
    assert [training for training, *_ in trained.scored] == [False] * 3 + [True] * 2


def test_processes_that_share_a_group_agree_on_its_advantages(tmp_path):
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "tests.adapters.tiny"]
    command = [sys.executable, *launch, str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    (processes, ours), (_, theirs) = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    assert processes == 2
    draws = torch.Generator().manual_seed(11)
    for (_, *mine), (_, *other) in zip(ours, theirs, strict=True):
        together, texts, given = (a + b for a, b in zip(mine, other, strict=True))
        assert [len(set(together[i : i + ROLLOUTS])) for i in range(0, len(together), ROLLOUTS)] == [1, 1]
        assert any(given)
        assert given == pytest.approx(expected("passk_bootstrap", 2, texts, groups=3, generator=draws))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"estimator": "passk_analytical", "k": ROLLOUTS}, f"k: .*{ROLLOUTS}.* lower k or raise rollouts"),
        ({"estimator": "passk_analytical", "k": 0}, "k: must be a whole number"),
        ({"estimator": "passk_analitical", "k": 2}, "advantage: .* did you mean passk_analytical?"),
        ({"estimator": "passk_analytical", "k": 2, "options": {"sgma": True}}, "options.sgma: .* did you mean sigma?"),
        ({"estimator": "passk_adaptive", "k": 2}, "estimator: passk_adaptive needs entropy"),
        (
            {"estimator": "edas", "k": 2, "options": {"base": "passk_adaptive"}, "answers": first_letters},
            "estimator: passk_adaptive needs entropy",
        ),
        ({"estimator": "majority", "k": 2}, "answers: majority needs them"),
        ({"estimator": "grpo", "k": 1, "answers": first_letters}, "answers: grpo does not use them"),
    ],
)  # fmt: skip
def test_what_an_estimator_cannot_do_is_refused_before_training(tmp_path, asked, message):
    with pytest.raises(ConfigError, match=f"^{message}") as raised:
        trainer(tmp_path, **asked)
    assert "\n" not in str(raised.value)


def test_rewards_that_are_normalised_one_by_one_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="^multi_objective_aggregation: "):
        trainer(tmp_path, arguments={"multi_objective_aggregation": "normalize_then_sum"}, estimator="grpo", k=1)


def test_a_completion_without_a_reward_is_refused(tmp_path):
    def never_for_c(completions, **_):
        return [None if "c" in text else 1.0 for text in completions]

    with pytest.raises(PasskError, match="rewards: .* NaN or infinite"):
        trainer(tmp_path, reward=never_for_c, estimator="grpo", k=1).train()


def test_the_hooks_that_are_overridden_are_still_trls():
    def names(method):
        return list(inspect.signature(inspect.unwrap(method)).parameters)

    hooks = GRPOTrainer._calculate_rewards, GRPOTrainer._generate_and_score_completions
    assert names(hooks[0]) == ["self", "inputs", "prompts", "completions", "completion_ids_list"]
    assert names(hooks[1]) == ["self", "inputs"]
    source = [inspect.getsource(inspect.unwrap(hook)) for hook in hooks]
    assert "rewards_per_func = gather(rewards_per_func)" in source[0]
    for relied_on in (
        "rewards_per_func = self._calculate_rewards(inputs, prompts, completions, completion_ids_list)",
        "self.accelerator.process_index * len(prompts)",
        'self._logs["advantages"].extend(all_process_advantages.tolist())',
        '"advantages": advantages,',
        "completion_mask = completion_mask * (~is_truncated).unsqueeze(1).int()",
        'output["importance_sampling_ratio"] = vllm_importance_sampling_ratio',
        'output["tool_mask"] = tool_mask',
    ):
        assert relied_on in source[1]
