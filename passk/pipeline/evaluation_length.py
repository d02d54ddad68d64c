"""The length of vLLM's sequences in the evaluations: the longest prompt of a benchmark, and a response.

vLLM's default is the model's context. A KV cache for that many tokens may not fit, although the evaluations need few.
"""

from functools import cache
from pathlib import Path

from passk import problems
from passk.base.errors import ConfigError
from passk.experiment.plan import Plan
from passk.models import prompt_format
from passk.models.prompt_format import PromptFormat
from passk.models.tiny import load_tokenizer
from passk.pipeline import capacity
from passk.pipeline.memory import GIB


def require_fit(plan: Plan) -> None:
    """Raise ConfigError if a prompt of a benchmark leaves no room for its response. vLLM would cut the response."""
    if not all(planned.finished for planned in plan.evaluations):
        longest_sequence(plan)


def longest_sequence(plan: Plan) -> int:
    """Return the longest prompt and response of all benchmarks, in tokens.

    Raise ConfigError if it exceeds the model's context or a CPU's KV cache.
    """
    experiment, size = plan.experiment, capacity.size_of(plan.experiment)
    format, longest = prompt_format.of(experiment.model, plan.model).spelled, 0
    for name, benchmark in experiment.benchmarks.items():
        file, trusted = str(plan.problems[benchmark.problems]), experiment.model.trust_remote_code
        prompt = _longest_prompt(str(plan.model), format, file, trusted=trusted)
        needed = prompt + benchmark.max_response
        if size and size.context and needed > size.context:
            raise ConfigError(
                f"benchmarks.{name}.max_response",
                f"its longest prompt has {prompt} tokens, and with a response of "
                f"{benchmark.max_response} it exceeds the {size.context} of the model's context",
                f"lower it by {needed - size.context}",
            )
        gib = experiment.compute.kv_cache_gib
        if size and experiment.compute.profile == "cpu" and needed * size.kv_bytes > gib * GIB:
            raise capacity.small_cache(f"benchmarks.{name}", needed, size, gib)
        longest = max(longest, needed)
    return longest


@cache
def _longest_prompt(model: str, format: str, file: str, *, trusted: bool) -> int:
    tokenizer = load_tokenizer(model, trusted=trusted)
    prompts = PromptFormat.parse(format).prompts(tokenizer, list(problems.load(Path(file))["prompt"]))
    return max(len(tokens) for tokens in tokenizer(prompts, add_special_tokens=False)["input_ids"])
