"""Replacement for an actor class that OpenRLHF's driver takes by name, with arguments of passk's own."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import ray


class ActorFactory:
    """Starts actors of a class as Ray's actor class does: `options(...).remote(...)`."""

    def __init__(self, actor: type, **options: Any) -> None:
        self._actor, self._options = actor, options

    def options(self, **options: Any) -> SimpleNamespace:
        """Return an object whose `remote` starts an actor with these options of Ray."""
        actor = ray.remote(num_gpus=1)(self._actor).options(**options)
        return SimpleNamespace(remote=partial(actor.remote, **self._options))
