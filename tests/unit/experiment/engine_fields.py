"""What the fields of the engine's settings take; rows as in test_fields.py."""

import math

STAGE_SETTINGS = {
    "mix": (
        None,
        [],
        [{"train": 1, "other": 1}, {"train": 1}, {}, {"A": 1, "b": 1}, {"a": 0, "b": 1}, 5, "a", [], True],
    ),
    "export_every": ("count", [1, None], []),
    "lora": ("mapping", [None, {"rank": 4}], [{}, {"alpha": 8}]),
    "openrlhf": ("mapping", [{}, {"--ds.adam_offload": True}, {"--muon": [1, 0.5, "a"]}], [{"--a": math.nan}, {5: 1}]),
}
ENGINE_SETTINGS = {
    "kl": ("mapping", [None, {"coef": 0.1}], [{}, {"estimator": "k2"}]),
    "loss": (
        "mapping",
        [None, {}, {"type": "gspo"}],
        [{"type": "gspo", "aggregation": "token-mean"}, {"type": "gspo", "aggregation": "seq-mean-token-sum"}],
    ),
    "importance_correction": (
        "mapping",
        [None, {"level": "token", "mode": "clip"}, {"level": "seq", "gating": "tv", "threshold": [0.1]}],
        [
            {},
            {"level": "seq", "mode": "clip"},
            {"level": "token", "mode": "clip", "gating": "tv", "threshold": [0.1]},
            {"level": "seq", "gating": "tv"},
            {"level": "seq", "gating": "binary_kl", "threshold": [0.1, 1]},
        ],
    ),
    "filter_groups": (None, [True, False, None, {}, {"max_rounds": 2}], [1, "yes", [], {"rounds": 2}]),
    "ema": ("positive", [0.5, 0.999, None], [1, 1.5]),
    "overlong": ("mapping", [None, {"buffer": 4}], [{}, {"penalty": 0.5}]),
    "mask_truncated": ("truth", [True, False], []),
    "method": (
        "mapping",
        [None, {"name": "simko"}, {"name": "simko", "alpha": 0.1}],
        [{}, {"name": 5}, {"alpha": 0.1}],
    ),
}
KL = {
    "coef": ("positive", [1e-3, 1], []),
    "estimator": ("choice", ["k1", "k2", "k3"], []),
    "in": ("choice", ["loss", "reward"], []),
    "reference": ("name", ["start", "warm"], []),
}
LOSS = {
    "type": ("choice", ["ppo", "gspo"], []),
    "aggregation": ("choice", ["token-mean", "seq-mean-token-mean", "seq-mean-token-sum", None], ["seq-sum"]),
    "dual_clip": ("positive", [3, 1.5, None], [1, 0.5]),
}
CORRECTION = {
    "level": ("choice", ["token", "seq"], []),
    "mode": ("choice", ["mask", "clip"], []),
    "gating": ("choice", ["ratio"], ["tv"]),  # which needs a threshold
    "threshold": (None, [None, [0.5, 5], (2,)], [[], [5, 0.5], [1, 1], [0, 1], [1, 2, 3], [True], ["1"], 5, "5", {}]),
}
OVERLONG = {"buffer": ("count", [1, 16], []), "penalty": ("positive", [1, 0.5], [])}
LORA = {
    "rank": ("count", [1, 64], []),
    "alpha": ("count", [1, 64], []),
    "targets": (None, [None, ["q_proj"], ("q_proj", "v_proj")], [[], "q_proj", [5], [""], {}, True]),
}
