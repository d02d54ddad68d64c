"""The card of a model: what it comes from, what it was trained on, and how it did, with intervals."""

import json

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import yaml
from huggingface_hub import ModelCard

from passk.experiment import config
from passk.experiment.plan import Plan, plan
from passk.files.layout import write_json
from passk.pipeline import model_card
from tests.unit.experiment.test_config import GOOD, changed

LINE = {
    **{"step": 2, "benchmark": "test", "samples": 4},
    "pass_at_k": {"1": {"value": 0.5, "lower": 0.25, "upper": 0.75}},
}


def finished(raw, tmp_path) -> Plan:
    laid_out = plan(config.parse(raw), tmp_path)
    for planned in laid_out.stages:
        write_json(planned.own_directory / "manifest.json", {"steps": 2})
        (planned.own_directory / "model").mkdir()
    write_json(laid_out.directory / "experiment.json", {"command": "passk run small.yaml --runs x"})
    return laid_out


def card_of_the_last(laid_out: Plan) -> str:
    last = laid_out.stages[1]
    return model_card.card(laid_out, last, last.directory / "model", last.steps)


def evaluated(laid_out: Plan, checkpoint: str, correct: list[int]) -> None:
    one = next(each for each in laid_out.evaluations if each.record.checkpoint == checkpoint)
    samples = one.benchmark.samples
    rows = {
        "problem": [f"p{place}" for place in range(len(correct)) for _ in range(samples)],
        "correct": [number < each for each in correct for number in range(samples)],
    }
    one.directory.mkdir(parents=True)
    parquet.write_table(pa.table(rows), one.directory / "samples.parquet")
    write_json(one.directory / "manifest.json", {})


def test_it_has_the_chain_of_stages_the_schedule_the_data_and_the_command(tmp_path):
    raw = changed("stages.arm.k", [[1, 4], [2, 2]])
    raw["question"] = "Does | it\nhelp?"
    laid_out = finished(raw, tmp_path)
    model_card.write_all(laid_out)
    card = ModelCard.load(laid_out.stages[1].own_directory / "model" / "README.md")
    assert card.data.library_name == "transformers" and card.data.license is None and card.data.base_model is None
    text = card.content
    for part in (
        "# arm of small", "| question | Does \\| it help? |", "| base model | a tiny Qwen2 with random weights |",
        "| licence of the base model | none |", "| step | 2 of 2 |", "`passk run small.yaml --runs x`",
        "| warm | sft |  |  | 2 | 0.001 | train |", "| train | maze | `", "No benchmark is evaluated yet.",
        f"| arm | rl | passk_analytical | {laid_out.stages[1].stage.k.label} | 2 | 0.0001 | train |",
    ):  # fmt: skip
        assert part in text, part
    assert text.index("| warm | sft") < text.index("| arm | rl")


def test_it_has_the_metrics_of_its_own_evaluations_with_their_intervals(tmp_path):
    laid_out = finished(yaml.safe_load(GOOD), tmp_path)
    evaluated(laid_out, "arm", [16, 8, 0, 4])
    evaluated(laid_out, "warm", [0, 0, 0, 0])
    earlier = LINE | {"step": 1, "pass_at_k": {"1": {"value": 0.1, "lower": 0, "upper": 1}}}
    file = laid_out.stages[1].own_directory / "evaluations.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in (earlier, LINE)))
    text = card_of_the_last(laid_out)
    [pass_1] = [row for row in text.splitlines() if row.startswith("| test | 16 | pass@1 |")]
    assert float(pass_1.split("|")[4]) == pytest.approx((16 + 8 + 0 + 4) / 64, abs=1e-3)
    low, high = map(float, pass_1.split("|")[5].split(" to "))
    assert 0 <= low < 0.4375 < high <= 1
    assert "| test | 16 | pass@8 |" in text
    assert "| test (during the training) | 4 | pass@1 | 0.500 | 0.250 to 0.750 |" in text and "0.100" not in text


def test_the_card_of_an_average_says_that_the_weights_were_evaluated_during_the_training(tmp_path):
    laid_out = finished(changed("stages.arm.ema", 0.9), tmp_path)
    (laid_out.stages[1].own_directory / "evaluations.jsonl").write_text(json.dumps(LINE) + "\n")
    assert "| test (during the training, of the weights and not of their average) | 4 |" in card_of_the_last(laid_out)


def test_a_model_that_was_exported_has_a_card_with_its_step(tmp_path):
    laid_out = finished(yaml.safe_load(GOOD), tmp_path)
    evaluated(laid_out, "arm", [16, 8, 0, 4])
    (laid_out.stages[1].own_directory / "exports" / "step-000001").mkdir(parents=True)
    model_card.write_all(laid_out)
    text = (laid_out.stages[1].own_directory / "exports" / "step-000001" / "README.md").read_text()
    assert "| step | 1 of 2 |" in text and "No benchmark is evaluated yet." in text


@pytest.mark.parametrize(
    ("front", "licence"),
    [
        ("---\nlicense: mit\n---\n# A model", "mit"),
        ("# A model", None),
        ("---\nlicense: [a, b]\n---", None),
        ("---\n: {\n---", None),
    ],
)
def test_the_licence_is_that_of_the_base_models_own_card(tmp_path, front, licence):
    model = tmp_path / "model"
    model.mkdir()
    (model / "README.md").write_text(front)
    assert model_card.licence_of(model) == licence
    raw = changed("model", {"path": str(model)})
    laid_out = plan(config.parse(raw), tmp_path / "runs")
    text = card_of_the_last(laid_out)
    assert f"| licence of the base model | {licence or model_card.UNKNOWN} |" in text
    assert ("license: " in text.partition("\n---")[0]) == (licence is not None)


def test_a_model_of_the_hub_without_a_copy_here_has_no_known_licence(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert model_card.licence_of("owner/a-model-that-is-not-here") is None


@pytest.mark.parametrize("harm", [b"", b"PAR1", None])
def test_damaged_samples_cost_the_card_their_rows_alone(tmp_path, harm):
    laid_out = finished(changed("stages.arm.evaluate", True), tmp_path)
    evaluated(laid_out, "warm", [16, 0])
    evaluated(laid_out, "arm", [16, 16])
    samples = (
        next(each for each in laid_out.evaluations if each.record.checkpoint == "arm").directory / "samples.parquet"
    )
    samples.unlink()
    samples.mkdir() if harm is None else samples.write_bytes(harm)
    model_card.write_all(laid_out)
    cards = [(planned.own_directory / "model" / "README.md").read_text() for planned in laid_out.stages]
    assert "| pass@1 | 0.500 |" in cards[0] and "No benchmark is evaluated yet." in cards[1]
