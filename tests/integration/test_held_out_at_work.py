"""Evaluations between training steps, inside the installed classes of OpenRLHF and vLLM."""

from types import SimpleNamespace

import pytest

from passk.files.schema import EVALUATION


def test_the_policy_is_evaluated_between_steps_when_it_is_due_and_not_recorded(actor_classes, monkeypatch, tmp_path):
    from passk.experiment.keep import Keep
    from passk.experiment.selection import KeepBest, StopWhen
    from passk.experiment.stage_end import Conditions
    from passk.openrlhf import trainer
    from passk.openrlhf.evaluation_log import EvaluationLog
    from passk.openrlhf.held_out import HeldOut
    from passk.openrlhf.kept_models import KeptModels

    def line(held_out, name, step, sample, tokenizer):
        evaluated.append((step, name))
        fields = dict.fromkeys(EVALUATION.keys() - {"seconds", "time"}, 0)
        value = {"value": {0: 0.1, 2: 0.4, 4: 0.3}.get(step, 0.4)}
        return fields | {"step": step, "benchmark": name, "pass_at_k": {"1": value}}

    def export(directory):
        directory.mkdir(exist_ok=True)
        exported.append(one.samples_generator.step - 1)

    evaluated, exported = [], []
    monkeypatch.setattr(trainer, "evaluate", line)
    one = object.__new__(trainer.PasskTrainer)
    benchmark = {"problems": "test", "samples": 1, "k": (1,), "max_response": 8, "file": "test.parquet"}
    benchmarks = {"easy": benchmark, "hard": benchmark}
    held_out = HeldOut.model_validate({"every": 2, "seed": 1, "benchmarks": benchmarks})
    one.settings = SimpleNamespace(held_out=held_out, conditions=Conditions(), steps=None)
    one.samples_generator = SimpleNamespace(step=1, ended=False, sample=print)
    one.evaluations, one.seconds_evaluation, one.tokenizer = EvaluationLog(tmp_path), 0.0, None
    one.kept = KeptModels(tmp_path, Keep(every=2, best=KeepBest(benchmark="hard")), export)
    one.args = SimpleNamespace(train=SimpleNamespace(seed=1))

    def passes(first, last):
        evaluated.clear()
        for step in range(first, last + 1):
            one.samples_generator.step = step + 1
            one._evaluate()
        return [step for step, name in evaluated if name == "easy"]

    assert passes(0, 3) == [0, 2]
    assert [name for step, name in evaluated] == ["easy", "hard"] * 2
    assert one.seconds_evaluation > 0
    one.evaluations.forget_after(1)  # killed, and resumed from a checkpoint of step 1
    assert passes(1, 5) == [2, 4]
    (tmp_path / "evaluations.jsonl").write_text(
        "".join(each for each in (tmp_path / "evaluations.jsonl").read_text().splitlines(keepends=True)[:-1])
    )  # killed between the two benchmarks of step 4
    assert passes(4, 4) == [] and evaluated == [(4, "hard")]
    one.samples_generator.ended = True
    assert passes(5, 5) == [5]
    assert passes(5, 5) == []
    assert exported == [0, 2], "the best models, each as soon as its evaluation is whole, and once"
    one.samples_generator.ended = False
    one.settings.conditions = Conditions(stop_when=StopWhen(benchmark="hard", evaluations=2))
    one.recorder = SimpleNamespace(log=SimpleNamespace(path=tmp_path / "metrics.jsonl"))
    one.evaluations.forget_after(3)
    assert passes(4, 4) == [4] and not one.samples_generator.ended
    assert passes(6, 6) == [6] and one.samples_generator.ended, "neither 0.3 nor 0.4 is above 0.4"


@pytest.mark.parametrize("deterministic", [False, True])
def test_an_engine_samples_an_evaluation_without_a_trace_in_the_training(actor_classes, monkeypatch, deterministic):
    import asyncio

    from passk.openrlhf import rollout_engine as engines

    calls, running = [], []

    async def generate(self, tokens, params):
        running.append(params)
        calls.append(("generate", tokens, params.seed, params.n))
        assert params.max_tokens == 5
        while paused[0]:
            await asyncio.sleep(0)
        texts = [f"{tokens} {number}" for number in range(params.n)]
        each = [SimpleNamespace(text=text, token_ids=tokens * 2, finish_reason="length") for text in texts]
        return SimpleNamespace(outputs=each)

    async def collective_rpc(name, args):
        calls.append((name, args))

    def note(name, value=None):
        async def call(self):
            calls.append((name,))
            if value is not None:
                paused[0] = value

        return call

    upstream = engines.PasskEngine.__mro__[1]
    paused = [False]
    monkeypatch.setattr(upstream, "generate", generate)
    monkeypatch.setattr(upstream, "pause_generation", note("pause", True))
    monkeypatch.setattr(upstream, "resume_generation", note("resume", False))
    monkeypatch.setattr(upstream, "reset_prefix_cache", note("reset"))
    monkeypatch.setattr(upstream, "get_num_unfinished_requests", lambda self: len(running))
    engine = object.__new__(engines.PasskEngine)
    engine.deterministic, engine.llm = deterministic, SimpleNamespace(collective_rpc=collective_rpc)
    responses = asyncio.run(engine.sample(7, [[1], [2, 3]], [[10, 11], [12, 13]], {"max_tokens": 5}))
    second = 0 if deterministic else 1
    texts = [["[1] 0", f"[1] {second}"], ["[2, 3] 0", f"[2, 3] {second}"]]
    assert [[response.text for response in each] for each in responses] == texts
    assert [[response.tokens for response in each] for each in responses] == [[2, 2], [4, 4]]
    assert responses[0][0].truncated
    generated = [call for call in calls if call[0] == "generate"]
    # Without determinism a CPU engine chunks prompts, which a seeded request does not survive.
    # A request without a seed is for all responses to its prompt.
    requests = [(seed, 1) for seed in (10, 11, 12, 13)] if deterministic else [(None, 2)] * 2
    assert [(seed, count) for _, _, seed, count in generated] == requests
    others = [call for call in calls if call[0] != "generate"]
    paused_for = [("pause",), ("resume",)] if deterministic else []
    assert others == [("seed_sampling", (7,)), *paused_for, ("reset",)]


def test_the_engines_take_the_prompts_of_an_evaluation_in_turn_and_sleep_afterwards(actor_classes, monkeypatch):
    from passk.openrlhf import samples_generator as samples

    class Engine:
        def __init__(self, number):
            self.sample = SimpleNamespace(remote=lambda seed, prompts, seeds, _: [(number, seed, p) for p in prompts])

    woken = []
    monkeypatch.setattr(samples.ray, "get", lambda references: references)
    monkeypatch.setattr(samples, "batch_vllm_engine_call", lambda engines, name: woken.append(name))
    generator = object.__new__(samples.PasskSamplesGenerator)
    generator.vllm_engines = [Engine(number) for number in range(3)]
    for sleeps in (False, True):
        generator.args = SimpleNamespace(vllm=SimpleNamespace(enable_sleep=sleeps))
        responses = generator.sample(100, ["a", "b", "c", "d", "e"], [[1]] * 5, {})
        assert responses == [(0, 100, "a"), (1, 101, "b"), (2, 102, "c"), (0, 100, "d"), (1, 101, "e")]
    assert woken == ["wake_up", "sleep"]
