"""The speed of the theory, fitted to one run by hand before the study.

The run used the demo's model at e = 0.7 and steps of 32 prompts (22 November 2026, one seed, OpenRLHF and vLLM, no
study). The fit uses its Pass@4 training alone. Its Pass@1 training is a check.
"""

import math

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logit

from studies.shortcut.theory import State, train

E, LUCK, PROMPTS = 0.7, 1 / 20, 32
START = State(float(logit(0.034)), float(logit(0.6**4)))
"""p as measured after its warm start; the skill of its demonstrations."""
PHASES = {"passk_pass1": (("passk_analytical", 4, 100),), "pass1": (("grpo", 1, 100),)}
"""Method -> its first hundred steps."""
WINDOWS = (0, 10, 20, 30, 40, 90)
"""Steps before each window of ten steps."""
MEASURED = {
    "passk_pass1": {"p": (0.07, 0.32, 0.76, 0.96, 0.98, 0.98), "b": (0.24, 0.61, 0.87, 0.95, 0.96, 0.97)},
    "pass1": {"p": (0.016, 0.003, 0.004, 0.002, 0.002, 0.001)},
}
"""Method -> means of the windows: p, the share of responses that compute, and b, the correct share of these."""


def predicted(method: str, speed: float) -> dict[str, list[float]]:
    """Return the predicted means of p and b in each window."""
    states = list(train(E, LUCK, PHASES[method], speed, START, PROMPTS))
    windows = [states[first : first + 10] for first in WINDOWS]
    return {
        "p": [float(np.mean([state.p for state in window])) for window in windows],
        "b": [float(np.mean([state.b(LUCK) for state in window])) for window in windows],
    }


def error(speed: float) -> float:
    """Return the root mean square error of Pass@4 training, in logits of p and b."""
    curves, measured = predicted("passk_pass1", speed), MEASURED["passk_pass1"]
    squares = [(logit(curves[name]) - logit(values)) ** 2 for name, values in measured.items()]
    return math.sqrt(np.mean(squares))


def speed() -> float:
    """Return the speed with the smallest error."""
    return float(minimize_scalar(error, bounds=(0.05, 1.0), method="bounded", options={"xatol": 1e-4}).x)
