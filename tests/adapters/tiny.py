"""What the TRL tests train: a random model of three letters, its tokenizer, a data set, and a trainer that is watched.

As a program, `-m tests.adapters.tiny DIRECTORY`, it trains two steps in one of several processes and saves what it got.
"""

import sys
from pathlib import Path

import torch
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
from trl import GRPOConfig

from passk.adapters.trl import PasskGRPOTrainer

LETTERS = ("a", "b", "c")
ROLLOUTS = 4


def tokenizer():
    vocabulary = {word: i for i, word in enumerate(("<pad>", "<eos>", *LETTERS))}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<eos>")


def model():
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    return Qwen2ForCausalLM(
        Qwen2Config(vocab_size=5, num_key_value_heads=2, max_position_embeddings=32, eos_token_id=1, **shape)
    )


def prompts():
    return Dataset.from_dict({"prompt": [" ".join(LETTERS[i] for i in (p // 3, p % 3)) for p in range(9)]})


def ends_in_a(completions, **_):
    """1 for a completion whose last letter is a."""
    return [float(text.split()[-1:] == ["a"]) for text in completions]


def settings(directory, **changed):
    plain = {
        "max_steps": 2,
        "num_generations": ROLLOUTS,
        "per_device_train_batch_size": 2 * ROLLOUTS,
        "max_completion_length": 3,
        "learning_rate": 1e-2,
        "use_cpu": True,
        "bf16": False,
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
    }
    return GRPOConfig(output_dir=str(directory), **(plain | changed))


class Watched(PasskGRPOTrainer):
    """Keeps what was generated and scored, and what the loss was given."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.scored, self.masks, self.losses = [], [], []

    def _generate_and_score_completions(self, inputs):
        training = self.model.training
        output = super()._generate_and_score_completions(inputs)
        texts = self.processing_class.batch_decode(output["completion_ids"], skip_special_tokens=True)
        prompts = [row["prompt"] for row in inputs]
        self.masks.append(output["completion_mask"].any(dim=1).tolist())
        self.scored.append((training, prompts, texts, output["advantages"].tolist()))
        return output

    def _compute_loss(self, model, inputs):
        decode = self.processing_class.batch_decode
        prompts = decode(inputs["prompt_ids"], skip_special_tokens=True)
        texts = decode(inputs["completion_ids"], skip_special_tokens=True)
        self.losses.append(list(zip(prompts, texts, inputs["advantages"].tolist(), strict=True)))
        return super()._compute_loss(model, inputs)


def trainer(directory, *, reward=ends_in_a, arguments=None, eval_dataset=None, **estimator):
    args = settings(directory, **(arguments or {}))
    return Watched(model(), reward, args, prompts(), eval_dataset, processing_class=tokenizer(), **estimator)


def main(directory):
    """Groups of four in batches of two: every group lies in two processes."""
    small = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "seed": 11}
    trained = trainer(directory, arguments=small, estimator="passk_bootstrap", k=2, options={"groups": 3})
    trained.train()
    rank = trained.accelerator.process_index
    torch.save((trained.accelerator.num_processes, trained.scored), directory / f"{rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
