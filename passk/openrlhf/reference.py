"""The reference model of the KL penalty, where it is not the model that the training starts from.

OpenRLHF loads the policy's own start as the reference. The driver takes the class of the reference's actors by name, so
passk puts `ReferenceFactory` in that place.
"""

from functools import partial
from types import SimpleNamespace
from typing import Any

import ray
from openrlhf.trainer.ray.launcher import ReferenceModelActor
from openrlhf.utils.deepspeed import DeepspeedStrategy


class PasskReference(ReferenceModelActor.__ray_metadata__.modified_class):
    """OpenRLHF's reference actor with a model of its own."""

    def __init__(self, *arguments: Any, reference: str) -> None:
        super().__init__(*arguments)
        self.reference = reference

    def init_model_from_pretrained(self, strategy: DeepspeedStrategy, pretrain: str) -> None:
        super().init_model_from_pretrained(strategy, self.reference)


class ReferenceFactory:
    """Replacement for the actor class that OpenRLHF's driver expects. It passes the reference's path on."""

    def __init__(self, reference: str) -> None:
        self.reference = reference

    def options(self, **options: Any) -> SimpleNamespace:
        """Return an object whose `remote` starts an actor with these options of Ray."""
        actor = ray.remote(num_gpus=1)(PasskReference).options(**options)
        return SimpleNamespace(remote=partial(actor.remote, reference=self.reference))
