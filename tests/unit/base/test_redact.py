from passk.base.redact import HIDDEN, hidden, without_secrets
from tests.unit.each import every


@every(
    "secret",
    [
        "hf_" + "aB3" * 10, "sk-proj-" + "x9_Y" * 8, "ghp_" + "a1B2" * 9, "AKIA" + "Q7" * 8,
        "eyJhbGciOi.eyJzdWIiOiIx.c2lnbmF0dXJl", "api_key=5f2c9a81d0b74e63",
        "WANDB_API_KEY: 5f2c9a81d0b74e63", '"password": "correct-horse"', "Authorization: Bearer 5f2c9a81d0b74e63",
        "passphrase=correct-horse",
    ],
)  # fmt: skip
def test_what_has_the_form_of_a_key_is_hidden_and_the_words_around_it_stay(secret):
    shown = hidden(f"before {secret} after")
    assert HIDDEN in shown and shown.startswith("before ") and shown.endswith(" after")
    assert secret.split()[-1].split("=")[-1].strip('"') not in shown


@every("who", ["ann:pw123", "ann:p@ss", ":pw123", "a-token-that-is-no-name"])
def test_a_password_in_an_address_is_hidden_and_the_address_stays(who):
    assert hidden(f"at https://{who}@example.org/x@y") == f"at https://{HIDDEN}@example.org/x@y"


def test_a_private_key_is_hidden_whole_be_it_cut_off_or_not():
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n0123456789\n"
    for text in (key, f"{key}-----END RSA PRIVATE KEY-----"):
        assert "MIIE" not in hidden(text) and "0123456789" not in hidden(text)


def test_content_is_hidden_by_its_names_too_and_numbers_and_other_names_stay():
    content = {"api_key": "short", "tokenizer": "Qwen/Qwen2.5", "max_tokens": 512, "of": [{"hf_token": "x"}, None]}
    assert without_secrets(content) == {
        "api_key": HIDDEN, "tokenizer": "Qwen/Qwen2.5", "max_tokens": 512, "of": [{"hf_token": HIDDEN}, None],
    }  # fmt: skip


def test_what_was_hidden_once_stays_as_it_is():
    for text in ("api_key=5f2c9a81d0b74e63", "https://ann:pw123@example.org/x", '{"password": "correct-horse"}'):
        assert hidden(hidden(text)) == hidden(text)


def test_what_the_environment_calls_a_secret_is_hidden_whatever_its_form(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef0123456789abcdef01234567")
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "admin:pass-phrase")
    monkeypatch.setenv("MY_TOKEN_FILE", "/etc/passk/token")
    assert hidden("as admin:pass-phrase") == f"as {HIDDEN}"
    # its password alone, and as HTTP sends it
    assert hidden("pass-phrase of Basic YWRtaW46cGFzcy1waHJhc2U=") == f"{HIDDEN} of Basic {HIDDEN}"
    shown = hidden("login 0123456789abcdef0123456789abcdef01234567 by /etc/passk/token")
    assert shown == f"login {HIDDEN} by /etc/passk/token"


@every(
    "text",
    [
        "max_tokens_per_gpu: 16384, tokens: 251,177", "Response, 12 tokens:", "seconds a token: 0.5",
        "key-pass4 96619a60ddc8e147", "5655c0a4fbe2278c7bc4310a8015ab154eda955e", "http://127.0.0.1:8265/api",
        "https://ann@example.org/x", "ray://10.0.0.1:10001", "see https://a.org/x:1 and b@c.org",
    ],
)  # fmt: skip
def test_what_is_none_stays(text):
    assert hidden(text) == text
