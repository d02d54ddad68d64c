"""Check that an endpoint answers, before anything is written."""

import os
from urllib.parse import urlsplit

from passk.base.errors import ConfigError
from passk.experiment.engine import Engine

SECONDS = 20.0


def require(engine: Engine) -> None:
    """Raise ConfigError if no server answers at the endpoint's address, or if it refuses the key.

    The request is GET <url>/models. An endpoint without this path answers with 404, which is an answer.
    """
    import httpx

    key = os.environ.get(engine.key_variable, "")
    local = urlsplit(engine.url).hostname in ("localhost", "127.0.0.1", "::1")
    try:
        with httpx.Client(timeout=SECONDS, trust_env=not local) as client:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            with client.stream("GET", f"{engine.url}/models", headers=headers) as response:
                status = response.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        problem = f"{engine.url} does not answer ({type(error).__name__})"
        raise ConfigError("engine.url", problem, "start the server, or correct it") from None
    if status in (401, 403):
        state = "its value is refused" if key else "is not set"
        problem = f"{engine.key_variable} {state} (status {status})"
        raise ConfigError("engine.key_variable", problem, "set it to a valid key")
