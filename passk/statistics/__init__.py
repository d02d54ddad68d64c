"""Pass@k metrics, confidence intervals and paired differences. numpy and scipy only."""
