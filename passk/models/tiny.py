"""The tiny model from scratch: a Qwen2 with a tokenizer of single characters, saved in HF format."""

import contextlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from passk.base.errors import ConfigError, PasskError
from passk.experiment.config import TinyModel
from passk.problems.maze import ALPHABET

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PAD, LINE_END = "<pad>", "Ċ"
ENDS = {"maze": "$", "bytes": "<|end|>"}
"""what ends a response, by alphabet"""


def has_chat_template(model: Path | str, *, trusted: bool = False) -> bool:
    """Whether a model words its prompts by a chat template: a base model has none.

    Read from a directory's files, and of a model of the HF hub from its tokenizer in the cache. One that is not there
    is taken to have one, so that a plan needs no network: `fetch_tokenizer` comes before anything is started.

    trusted: run code that comes with the tokenizer.
    """
    directory = Path(model)
    if not directory.is_dir():
        with contextlib.suppress(LookupError):
            return not isinstance(model, Path) and _hub_has_template(model, trusted)
        return True
    if (directory / "chat_template.jinja").is_file():
        return True
    settings = directory / "tokenizer_config.json"
    if not settings.is_file():
        return False
    try:
        return bool(json.loads(settings.read_text()).get("chat_template"))
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise _unreadable(model, error) from None


def load_tokenizer(model: Path | str, *, trusted: bool = False) -> "PreTrainedTokenizerBase":
    """Load a model's tokenizer. Raises PasskError that names the model where a file of it is damaged."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(model, trust_remote_code=trusted)
    except Exception as error:  # of whatever library the tokenizer is made by
        raise _unreadable(model, error) from None


def _unreadable(model: Path | str, error: Exception) -> PasskError:
    """The error for a model whose tokenizer is damaged or missing."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return PasskError(
        f"{model}: its tokenizer cannot be read ({reason}); restore it, or delete the model to get it anew"
    )


@cache
def _hub_has_template(name: str, trusted: bool) -> bool:
    """Asked once: all stages and evaluations start from the one model. LookupError where it is not in the cache."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=True, trust_remote_code=trusted)
        return bool(tokenizer.chat_template)
    except Exception as error:  # of whatever library the tokenizer is made by
        raise LookupError(name) from error


def fetch_tokenizer(name: str, *, trusted: bool = False) -> None:
    """Have a hub model's tokenizer in the cache. Raises ConfigError where it cannot be had."""
    from transformers import AutoTokenizer

    with from_the_hub(f"the tokenizer of {name} is"):
        AutoTokenizer.from_pretrained(name, trust_remote_code=trusted)


@contextlib.contextmanager
def from_the_hub(what: str) -> Iterator[None]:
    """Around a call that fetches: ConfigError in one line where `what` cannot be had."""
    try:
        yield
    except Exception as error:  # of whatever library the hub's client speaks through
        raise ConfigError(
            f"model.path: {what} not to be had from the HF hub ({type(error).__name__}); "
            "mend the name, or download it and give its directory"
        ) from None


def make_tiny(tiny: TinyModel, directory: Path, *, seed: int) -> None:
    """Write an untrained model and its tokenizer to `directory`: the same for the same seed.

    One token a character of the maze's ALPHABET, or a byte, one for padding and whatever is unknown, and one that
    ends a response.
    """
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen2Tokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    # A model of type qwen2 is given Qwen2's own tokenizer by whoever loads it, whatever is saved beside it: one
    # on bytes, in which a line end is spelled LINE_END.
    end = ENDS[tiny.alphabet]
    spelled = bytes_to_unicode()
    every_byte = [spelled[byte] for byte in range(256)]
    symbols = [PAD, end, *(every_byte if tiny.alphabet == "bytes" else ALPHABET.replace("\n", LINE_END))]
    vocabulary = {symbol: i for i, symbol in enumerate(symbols)}
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=[], pad_token=PAD, eos_token=end, unk_token=PAD)
    config = Qwen2Config(
        vocab_size=len(symbols),
        hidden_size=tiny.hidden_size,
        intermediate_size=tiny.feed_forward,
        num_hidden_layers=tiny.layers,
        num_attention_heads=tiny.heads,
        num_key_value_heads=tiny.heads,
        max_position_embeddings=tiny.max_length,
        tie_word_embeddings=tiny.tie_word_embeddings,
        pad_token_id=symbols.index(PAD),
        bos_token_id=None,
        eos_token_id=symbols.index(end),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen2ForCausalLM(config)
    model.to(torch.bfloat16).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
