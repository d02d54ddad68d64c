"""A model directory that names Python code of its own."""

import json
from pathlib import Path

MARK = "open({mark!r}, 'w').close()\n"


def change(file: Path, **content: object) -> None:
    before = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(before | content))


def code_in(model: Path, mark: Path, config_file: str = "config.json") -> None:
    """Name code in one of the model's files, which would create `mark` where it runs."""
    for name in ("configuration_own", "modeling_own", "tokenization_own"):
        (model / f"{name}.py").write_text(MARK.format(mark=str(mark)))
    change(
        model / config_file,
        model_type="own",
        auto_map={
            "AutoConfig": "configuration_own.C",
            "AutoModelForCausalLM": "modeling_own.M",
            "AutoTokenizer": ["tokenization_own.T", None],
        },
    )
