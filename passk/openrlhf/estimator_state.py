"""Keep the states of estimators over steps (passk/advantage/estimator.py) in OpenRLHF's checkpoints.

OpenRLHF saves a dict of its own trainer with every checkpoint and returns it on a resume. The states are a JSON text in
it, so they hold no object and come back as they were: floats to the last digit. A stage starts with no states, also a
stage `from:` another one.
"""

import json
from collections.abc import Mapping
from typing import Any

from passk.base.errors import PasskError

KEY = "passk_estimator_states"


def saved(states: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the states by estimator as an entry of OpenRLHF's dict. Raise PasskError for one that is not JSON."""
    for name, state in states.items():
        try:
            same = json.loads(json.dumps(state)) == state
        except (TypeError, ValueError, RecursionError):
            same = False
        if not same:
            raise PasskError(
                f"advantage: {name} keeps a state that JSON does not hold; "
                "let it consist of lists, dicts with text as keys, finite numbers and texts"
            )
    return {KEY: json.dumps(states)}


def restored(checkpoint: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the states in a checkpoint's dict; none in a first step, and in a checkpoint of an earlier passk."""
    return json.loads(checkpoint.get(KEY, "{}"))
