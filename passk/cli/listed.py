"""Numbers of an option that takes several, separated by commas."""

from passk.base.errors import ConfigError


def whole(field: str, text: str) -> list[int]:
    """Return the whole numbers of an option's text, none of an empty one. Raise ConfigError."""
    try:
        return [int(word) for word in text.split(",")] if text else []
    except ValueError:
        raise ConfigError(field, f"{text!r} is not a list of whole numbers", "write them as in 1,2,3") from None


def real(field: str, text: str) -> list[float]:
    """Return the numbers of an option's text, none of an empty one. Raise ConfigError."""
    try:
        return [float(word) for word in text.split(",")] if text else []
    except ValueError:
        raise ConfigError(field, f"{text!r} is not a list of numbers", "write them as in 0.6,1.0") from None
