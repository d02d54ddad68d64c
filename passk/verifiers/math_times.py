"""Comparison of times of day. A time is a ratio if the other value is no time."""

from passk.verifiers import math_numbers as numbers
from passk.verifiers.math_values import Time, Value


def settled(gold: Value, value: Value) -> tuple[Value, Value]:
    """Return both values, a time as a ratio if the other value is no time."""
    if isinstance(gold, Time) == isinstance(value, Time):
        return gold, value
    if isinstance(gold, Time) and gold.whole:
        return numbers.ratio(gold.hour, 1), value
    if isinstance(value, Time) and value.whole:
        return gold, numbers.ratio(value.hour, 1)
    if isinstance(gold, Time) and not gold.half and numbers.coprime(gold.hour, gold.minute):
        return numbers.ratio(gold.hour, gold.minute), value
    if isinstance(value, Time) and not value.half and not value.second and value.minute:
        return gold, numbers.ratio(value.hour, value.minute)
    return gold, value


def same_time(gold: Time, value: Time) -> bool:
    """Return whether two times are equal. A time without am or pm equals both."""

    def minutes(one: Time) -> set[tuple[int, int, int]]:
        halves = {"am": [one.hour % 12], "pm": [one.hour % 12 + 12], "": [one.hour % 24]}[
            one.half if one.hour <= 12 else ""
        ]
        return {(hour, one.minute, one.second) for hour in halves}

    if (gold.half and value.half) or gold.hour > 12 or value.hour > 12:
        return minutes(gold) == minutes(value)
    return (gold.hour, gold.minute, gold.second) == (value.hour, value.minute, value.second)
