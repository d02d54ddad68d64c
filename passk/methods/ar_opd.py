"""AR-OPD: distil from the policy itself under two hints, anchored to the weaker one (arXiv 2606.10385 and its code).

The teacher is the policy of the step before, after a prompt that shows a part of the problem's demonstration, and after
one that shows all of it. For the token y, up to a constant of its position, log q*(y) is
log q_part(y) + weight * clip(log q_full(y) - log q_part(y), -bound, bound). The advantage of a sampled token is
log q*(y) - log p(y). It takes the place of the estimator's.

The paper minimizes KL(p, q*) over the whole vocabulary at each position of the policy's own rollouts. passk uses the
sampled token alone. The gradient is the same in expectation: the constant, which normalizes q*, does not depend on the
token, and so has no part in it.

A hint stands in the problem, before the chat template. `template` is the text around both.
"""

from typing import ClassVar

from pydantic import Field, model_validator

from passk.base.errors import InvalidError, PasskError
from passk.methods.method import Changes, Group, Method, Policy

_SLOTS = ("{problem}", "{hint}")


class AROPD(Method):
    """Anchored residual on-policy distillation from privileged prompts, in the form of the sampled token."""

    source: ClassVar[str] = "arXiv 2606.10385"
    needs_demonstrations: ClassVar[bool] = True

    template: str = Field(
        "{problem}\n\nFor reference, a correct solution begins like this:\n{hint}",
        description="the problem with a hint, as text with {problem} and {hint}",
    )
    partial: float = Field(0.5, gt=0, lt=1, description="share of the demonstration's characters in the partial hint")
    weight: float = Field(1.0, ge=0, description="weight of the full hint's residual")
    bound: float = Field(5.0, gt=0, description="largest residual, nats")

    @model_validator(mode="after")
    def _has_slots(self) -> "AROPD":
        if any(self.template.count(slot) != 1 for slot in _SLOTS):
            raise InvalidError(f"template does not contain {' and '.join(_SLOTS)} once", "write both in it once")
        return self

    @property
    def written(self) -> str:
        return self.template.replace("{problem}", "").replace("{hint}", "")

    def of_group(self, group: Group, policy: Policy) -> Changes:
        part = policy.log_probs(group, self.privileged(group, self.partial))
        full = policy.log_probs(group, self.privileged(group, 1.0))
        teacher = part + self.weight * (full - part).clamp(-self.bound, self.bound)
        return Changes(advantages=(teacher - group.log_probs) * group.mask)

    def privileged(self, group: Group, share: float) -> str:
        """Return the prompt with the first characters of the demonstration. Raise PasskError if it has no problem."""
        if group.prompt.count(group.problem) != 1:
            raise PasskError(
                "method: ar_opd does not find the problem in its prompt; "
                "use a chat template that leaves it unchanged, or another method"
            )
        hint = group.demonstration[: max(1, round(share * len(group.demonstration)))]
        before, after = self.template.split("{hint}")
        hinted = before.replace("{problem}", group.problem) + hint + after.replace("{problem}", group.problem)
        return group.prompt.replace(group.problem, hinted)
