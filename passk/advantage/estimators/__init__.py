"""One file per estimator, named as the estimator. The registry finds each file by its name."""
