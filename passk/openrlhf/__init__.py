"""All code that depends on OpenRLHF. `python -m passk.openrlhf` is its PPO trainer with passk's estimators."""
