"""Build the tiny model from scratch: a Qwen2 with a tokenizer of single characters, saved in HF format."""

import contextlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from passk.base.errors import ConfigError, PasskError, typed_line
from passk.experiment.model import TinyModel
from passk.problems.maze import ALPHABET

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PAD, LINE_END = "<pad>", "Ċ"
ENDS = {"maze": "$", "bytes": "<|end|>"}
"""Token that ends a response, by alphabet."""


def has_chat_template(model: Path | str, *, trusted: bool = False) -> bool:
    """Return whether a model formats its prompts by a chat template. A base model has none.

    For a directory its files decide, and for a model of the HF hub its tokenizer in the cache. A model that is not in
    the cache counts as having one, so that a plan needs no network. `fetch_tokenizer` runs before anything is started.

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
    """Load a model's tokenizer. Raise PasskError with the model's name if a file of it is damaged."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(model, trust_remote_code=trusted)
    except Exception as error:  # from any tokenizer library
        raise _unreadable(model, error) from None


def _unreadable(model: Path | str, error: Exception) -> PasskError:
    """Return the error for a model whose tokenizer is damaged or missing."""
    reason = typed_line(error, 300)
    return PasskError(
        f"{model}: its tokenizer cannot be read ({reason}); restore it, or delete the model to download it again"
    )


@cache
def _hub_has_template(name: str, trusted: bool) -> bool:
    """Return `has_chat_template` of a hub model, cached. Raise LookupError for a model that is not in the cache."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=True, trust_remote_code=trusted)
        return bool(tokenizer.chat_template)
    except Exception as error:  # from any tokenizer library
        raise LookupError(name) from error


def fetch_tokenizer(name: str, *, trusted: bool = False) -> None:
    """Download a hub model's tokenizer to the cache. Raise ConfigError if it is not available."""
    from transformers import AutoTokenizer

    with from_the_hub(f"the tokenizer of {name} is"):
        AutoTokenizer.from_pretrained(name, trust_remote_code=trusted)


@contextlib.contextmanager
def from_the_hub(what: str) -> Iterator[None]:
    """Wrap a download: raise ConfigError in one line if it fails. what: subject and verb of the message."""
    try:
        yield
    except Exception as error:  # from any network library of the hub's client
        raise ConfigError(
            "model.path",
            f"{what} not available from the HF hub ({type(error).__name__})",
            "correct the name, or download the model yourself and set its directory",
        ) from None


def make_tiny(tiny: TinyModel, directory: Path, *, seed: int) -> None:
    """Write an untrained model and its tokenizer to `directory`. The same seed gives the same model.

    Each character of the maze's ALPHABET, or each byte, has a token. One token is for padding and unknown characters,
    and one ends a response.
    """
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen2Tokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    # Loaders give a model of type qwen2 Qwen2's own tokenizer, ignoring the saved one. That tokenizer works on bytes
    # and spells a line end as LINE_END.
    end = ENDS[tiny.alphabet]
    symbol_of = bytes_to_unicode()
    every_byte = [symbol_of[byte] for byte in range(256)]
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
