"""The fields of `model:` that decide how a prompt is formatted: `chat_template`, `system_prompt`, `chat_options`."""

import hashlib
from pathlib import Path
from typing import Any

from passk.base.errors import ConfigError
from passk.experiment.config import Experiment
from passk.experiment.model import AUTO, NONE, Model

LARGEST = 2**16
"""Most bytes of a template file. A command line carries the template."""


def check(experiment: Experiment) -> None:
    """Raise ConfigError for a template that cannot be read or has no effect, and for `stop` in a deterministic run.

    vLLM's frontend finds a stop text while its engine computes further tokens, and their number decides the shape of
    the next batch.
    """
    template(experiment.model)
    for field in ("chat_template", "system_prompt", "chat_options") if experiment.engine else ():
        if field in experiment.model.model_fields_set:
            raise ConfigError(f"model.{field}", "has no effect, since the endpoint formats prompts", "remove it")
    if experiment.compute.deterministic:
        for section in ("stages", "benchmarks"):
            for name, entry in getattr(experiment, section).items():
                if getattr(entry, "stop", ()):
                    raise ConfigError(
                        f"{section}.{name}.stop",
                        "vLLM does not stop at the same moment in each run",
                        "remove it, or compute.deterministic",
                    )


def template(model: Model) -> str | None:
    """Return the text of the template that the experiment names, or None for the model's own or no template.

    Raise ConfigError for a file that is not readable, empty or too large.
    """
    if model.chat_template in (AUTO, NONE):
        return None
    file = Path(model.chat_template).expanduser()
    try:
        with file.open(encoding="utf-8") as opened:
            text = opened.read(LARGEST + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise ConfigError(
            "model.chat_template",
            f"{file} is not readable ({reason})",
            "name a Jinja file, or write auto or none",
        ) from None
    if not text.strip() or len(text) > LARGEST:
        raise ConfigError(
            "model.chat_template",
            f"{file} must have 1 to {LARGEST} characters",
            "name the file of a chat template",
        )
    return text


def decides(model: Model) -> dict[str, Any]:
    """Return the model's fields for a key. A template file counts by its content, not by its name."""
    fields = model.model_dump(exclude_defaults=True)
    text = template(model)
    return fields | ({"chat_template": hashlib.sha256(text.encode()).hexdigest()} if text is not None else {})
