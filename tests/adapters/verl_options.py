"""verl's flags for the options that estimators require."""

NEEDED = {
    "surrogate": ["+algorithm.passk.options.derivative='k * (1 - p) ** (k - 1)'"],
    "passk_easy_masked": ["+algorithm.passk.options.threshold=0.6"],
    "f_grpo": ["+algorithm.passk.options.gamma=1.0"],
    "ordergrad": ["+algorithm.passk.options.statistic=top", "+algorithm.passk.options.level=0.5"],
    "rs_grpo": ["+algorithm.passk.options.beta=2.0"],
    "tsallis": ["+algorithm.passk.options.q=0.5"],
}
