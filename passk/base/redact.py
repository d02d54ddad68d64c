"""Remove secrets from texts: keys and passwords, from any source."""

import base64
import os
import re
from functools import lru_cache
from typing import Any

HIDDEN = "[hidden]"
_SHORTEST = 8
"""Letters of the shortest secret. Shorter values occur in too many words."""
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
# Hugging Face, OpenAI and similar, GitHub, GitLab, AWS, Slack, Google. A token of three parts. A private key. In a URL
# a password, or a string too long for a user name.
_FORMS = re.compile(
    r"\bhf_[A-Za-z0-9]{16,}|\bsk-[A-Za-z0-9_-]{16,}|\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{16,}"
    r"|\bAKIA[A-Z0-9]{12,}|\bxox[abprs]-[\w-]{10,}|\bAIza[\w-]{30,}|\beyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]{6,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----(?:(?!-----END)[\s\S])*"
    r"|(?<=://)[^\s/:@]*:[^\s/]+(?=@)|(?<=://)[^\s/:@]{20,}(?=@)"
)


def hidden(text: str) -> str:
    """Return the text without strings that look like secrets, and without the secrets of this process's environment."""
    for value in _environment():
        text = text.replace(value, HIDDEN)
    text = _FORMS.sub(HIDDEN, text)
    return _NAMED.sub(lambda match: f"{match[1]}{HIDDEN}", text)


def without_secrets(content: Any) -> Any:
    """Return JSON content with all texts redacted, and with no value under a key that names a secret."""
    if isinstance(content, dict):
        return {
            key: HIDDEN if isinstance(value, str) and value and _KEY.search(str(key)) else without_secrets(value)
            for key, value in content.items()
        }
    if isinstance(content, list | tuple):
        return [without_secrets(value) for value in content]
    return hidden(content) if isinstance(content, str) else content


def is_secret(text: str) -> bool:
    """Return whether the text contains a secret, by its form or from this process's environment."""
    return bool(_FORMS.search(text)) or any(value in text for value in _environment())


@lru_cache(maxsize=4096)
def _names_secret(name: str) -> bool:
    return bool(_NAMES.search(name))


def _environment() -> list[str]:
    named = {name: os.environ.get(name, "") for name in os.environ if _names_secret(name)}
    values = set(named.values())
    for name, value in named.items():
        if "AUTH_STRING" in name.upper():  # user:password, as HTTP's basic authentication sends it
            values |= {value.partition(":")[2], base64.b64encode(value.encode(errors="replace")).decode()}
    # A secret that contains another comes first. A path names a file that holds a secret, so it is not one itself.
    secrets = (value for value in values if len(value) >= _SHORTEST and not value.startswith("/"))
    return sorted(secrets, key=lambda value: (-len(value), value))
