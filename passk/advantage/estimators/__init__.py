"""One file an estimator, named as the estimator. Whatever stands here is found by its name."""
