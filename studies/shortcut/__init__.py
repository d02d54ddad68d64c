"""Pre-registered study: does Pass@k training help on the shortcut, when, and by which estimator."""
