"""All that knows OpenRLHF. `python -m passk.openrlhf` is its PPO trainer with passk's advantage estimators."""
