"""One file a rule, named as the rule. Whatever stands here is found by its name."""
