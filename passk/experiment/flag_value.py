"""Settings that a command line carries as JSON in one flag, as `--passk.until` and `--passk.held_out` do."""

from typing import Self

from pydantic import ValidationError

from passk.experiment.field_errors import first_fault
from passk.experiment.fields import Strict


class FlagValue(Strict):
    """Settings with a spelling in one word."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the settings in a JSON text. Raise ConfigError."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            known = list(cls.model_fields)
            raise first_fault(error, lambda _: known, sources=(), kinds=()) from None

    @property
    def spelled(self) -> str:
        """The settings in one word, for a command line."""
        return self.model_dump_json(exclude_defaults=True)
