"""What must not be shown: keys and passwords in a text, whoever wrote it."""

import base64
import os
import re
from typing import Any

HIDDEN = "[hidden]"
_SHORTEST = 8
"""letters: a shorter value is in too many words"""
_NAMES = re.compile(
    r"(API|ACCESS|SECRET|PRIVATE)_?KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|AUTH_STRING|_(PASS|PWD|AUTH)$",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"((?:(?:api|access|secret|private)[_-]?key|token|secret|password|passwd|passphrase|authorization)[\"']?\s*[=:]\s*[\"']?"
    r"(?:(?:bearer|basic)\s+)?)([^\s\"',;&{}]{8,})",
    re.IGNORECASE,
)
_KEY = re.compile(r"(^|[_-])((api|access|secret|private)[_-]?key|token|secret|password|passwd|credentials?)$", re.I)
# Hugging Face, OpenAI and alike, GitHub, GitLab, AWS, Slack, Google; a token of three parts; a private key; in an
# address a password, or what is too long for a user's name.
_FORMS = re.compile(
    r"\bhf_[A-Za-z0-9]{16,}|\bsk-[A-Za-z0-9_-]{16,}|\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{16,}"
    r"|\bAKIA[A-Z0-9]{12,}|\bxox[abprs]-[\w-]{10,}|\bAIza[\w-]{30,}|\beyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]{6,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----(?:(?!-----END)[\s\S])*"
    r"|(?<=://)[^\s/:@]*:[^\s/]+(?=@)|(?<=://)[^\s/:@]{20,}(?=@)"
)


def hidden(text: str) -> str:
    """The text without what looks like a key or a password, and without those of this process's environment."""
    for value in _environment():
        text = text.replace(value, HIDDEN)
    text = _FORMS.sub(HIDDEN, text)
    return _NAMED.sub(lambda found: f"{found[1]}{HIDDEN}", text)


def without_secrets(content: Any) -> Any:
    """The same content, as JSON has it, with `hidden` texts, and nothing under a key that names a secret."""
    if isinstance(content, dict):
        return {
            key: HIDDEN if isinstance(value, str) and value and _KEY.search(str(key)) else without_secrets(value)
            for key, value in content.items()
        }
    if isinstance(content, list | tuple):
        return [without_secrets(value) for value in content]
    return hidden(content) if isinstance(content, str) else content


def is_secret(text: str) -> bool:
    """Whether a key or a password by its form is in the text, or one of this process's environment."""
    return bool(_FORMS.search(text)) or any(value in text for value in _environment())


def _environment() -> list[str]:
    named = {name: value for name, value in os.environ.items() if _NAMES.search(name)}
    values = set(named.values())
    for name, value in named.items():
        if "AUTH_STRING" in name.upper():  # user:password, as HTTP's basic authentication sends it
            values |= {value.partition(":")[2], base64.b64encode(value.encode(errors="replace")).decode()}
    found = {value for value in values if len(value) >= _SHORTEST}
    # that of which another is a part comes first; a path names a file with a secret and is none
    return sorted((value for value in found if not value.startswith("/")), key=lambda value: (-len(value), value))
