"""A benchmark with a list of temperatures: one benchmark for each of them, named `<benchmark>-t<temperature>`."""

import math
from collections.abc import Iterable
from typing import Any

from passk.base.errors import ConfigError


def expanded(raw: dict[str, Any]) -> dict[str, Any]:
    """Return an experiment's mapping in which each benchmark has one temperature. Raise ConfigError for a bad list.

    `evaluate_on` of a stage names all temperatures of a benchmark by the benchmark's name. Other content stays as it
    is, whatever it is.
    """
    benchmarks = raw.get("benchmarks")
    if not isinstance(benchmarks, dict):
        return raw
    names = {
        name: each(name, _checked(name, fields["temperature"]))
        for name, fields in benchmarks.items()
        if isinstance(fields, dict) and isinstance(fields.get("temperature"), list)
    }
    if not names:
        return raw
    single: dict[Any, Any] = {}
    for name, fields in benchmarks.items():
        if name not in names:
            single[name] = fields
            continue
        for one, value in zip(names[name], fields["temperature"], strict=True):
            if one in benchmarks:
                raise ConfigError(
                    f"benchmarks.{name}.temperature", f"{one} is also a benchmark", "rename one of the two"
                )
            single[one] = fields | {"temperature": value}
    return raw | {"benchmarks": single} | _with_stages(raw, names)


def each(benchmark: str, values: Iterable[float]) -> list[str]:
    """Return the names of a benchmark's temperatures."""
    return [f"{benchmark}-t{value:g}" for value in values]


def _checked(name: str, values: list[Any]) -> list[float]:
    field = f"benchmarks.{name}.temperature"
    if not values:
        raise ConfigError(field, "is empty", "write a number or a list of numbers, as in [0.6, 1.0]")
    for value in values:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value < 0:
            raise ConfigError(field, f"{value!r} is not a temperature", "write a number of 0 or more")
    shown = [f"{value:g}" for value in values]
    if repeated := [each for place, each in enumerate(shown) if each in shown[:place]]:
        raise ConfigError(field, f"{repeated[0]} is listed twice", "remove one")
    return values


def _with_stages(raw: dict[str, Any], names: dict[str, list[str]]) -> dict[str, Any]:
    stages = raw.get("stages")
    if not isinstance(stages, dict):
        return {}
    return {"stages": {name: _evaluated_on(stage, names) for name, stage in stages.items()}}


def _evaluated_on(stage: Any, names: dict[str, list[str]]) -> Any:
    if not (isinstance(stage, dict) and isinstance(stage.get("evaluate_on"), list)):
        return stage
    return stage | {"evaluate_on": [one for name in stage["evaluate_on"] for one in _known(name, names)]}


def _known(benchmark: Any, names: dict[str, list[str]]) -> list[Any]:
    return names.get(benchmark, [benchmark]) if isinstance(benchmark, str) else [benchmark]
