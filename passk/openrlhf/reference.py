"""The reference model of the KL penalty, where it is not the model that the training starts from.

OpenRLHF loads the policy's own start as the reference.
"""

from typing import Any

from openrlhf.trainer.ray.launcher import ReferenceModelActor
from openrlhf.utils.deepspeed import DeepspeedStrategy


class PasskReference(ReferenceModelActor.__ray_metadata__.modified_class):
    """OpenRLHF's reference actor with a model of its own."""

    def __init__(self, *arguments: Any, reference: str) -> None:
        super().__init__(*arguments)
        self.reference = reference

    def init_model_from_pretrained(self, strategy: DeepspeedStrategy, pretrain: str) -> None:
        super().init_model_from_pretrained(strategy, self.reference)
