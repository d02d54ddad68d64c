import pytest

from passk.secrets import HIDDEN, hidden


@pytest.mark.parametrize(
    "secret",
    [
        "hf_" + "aB3" * 10, "sk-proj-" + "x9_Y" * 8, "ghp_" + "a1B2" * 9, "AKIA" + "Q7" * 8,
        "eyJhbGciOi.eyJzdWIiOiIx.c2lnbmF0dXJl", "api_key=5f2c9a81d0b74e63",
        "WANDB_API_KEY: 5f2c9a81d0b74e63", '"password": "correct-horse"',
    ],
)  # fmt: skip
def test_what_has_the_form_of_a_key_is_hidden_and_the_words_around_it_stay(secret):
    shown = hidden(f"before {secret} after")
    assert HIDDEN in shown and shown.startswith("before ") and shown.endswith(" after")
    assert secret.split()[-1].split("=")[-1].strip('"') not in shown


def test_a_password_in_an_address_is_hidden_and_the_address_stays():
    assert hidden("https://ann:pw123@example.org/x") == f"https://{HIDDEN}@example.org/x"


def test_what_the_environment_calls_a_secret_is_hidden_whatever_its_form(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef0123456789abcdef01234567")
    monkeypatch.setenv("MY_TOKEN_FILE", "/etc/passk/token")
    shown = hidden("login 0123456789abcdef0123456789abcdef01234567 by /etc/passk/token")
    assert shown == f"login {HIDDEN} by /etc/passk/token"


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens_per_gpu: 16384, tokens: 251,177", "Response, 12 tokens:", "seconds a token: 0.5",
        "key-pass4 96619a60ddc8e147", "5655c0a4fbe2278c7bc4310a8015ab154eda955e", "http://127.0.0.1:8265/api",
    ],
)  # fmt: skip
def test_what_is_none_stays(text):
    assert hidden(text) == text
