"""How far a run is, as the next one finds it: what says that a run which died had come further."""

import json
import shutil

from passk.pipeline import stages


def save(directory, step):
    checkpoint = directory / "checkpoints" / "_actor" / f"global_step{step}"
    checkpoint.mkdir(parents=True)
    return checkpoint / "seal.json"


def test_a_sealed_checkpoint_a_part_and_a_finished_stage_are_progress_and_steps_done_again_are_none(laid_out):
    stage, evaluation = laid_out.stages[0].own_directory, laid_out.evaluations[-1].directory
    seen = [stages.standing(laid_out)]
    half = save(stage, 2)
    (stage / "metrics.jsonl").write_text(json.dumps({"step": 1}) + "\n")
    assert stages.standing(laid_out) == seen[0]
    half.write_text("{}")
    seen.append(stages.standing(laid_out))
    (stage / "manifest.json").write_text("{}")
    seen.append(stages.standing(laid_out))
    (evaluation / "shards").mkdir(parents=True)
    (evaluation / "shards" / "000001.parquet").touch()
    seen.append(stages.standing(laid_out))
    assert stages.sampled(laid_out) == (0, 1)
    (evaluation / "manifest.json").write_text("{}")
    shutil.rmtree(evaluation / "shards")
    seen.append(stages.standing(laid_out))
    assert stages.sampled(laid_out) == (1, 0)
    assert len(set(seen)) == len(seen), seen


def test_the_evaluation_that_ends_is_further_than_its_parts(laid_out):
    evaluation = laid_out.evaluations[-1].directory
    (evaluation / "shards").mkdir(parents=True)
    for number in range(9):
        (evaluation / "shards" / f"{number:06d}.parquet").touch()
    before = stages.sampled(laid_out)
    (evaluation / "manifest.json").write_text("{}")
    assert stages.sampled(laid_out) > before
