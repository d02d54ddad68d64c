"""Performance measurements. They compare alternatives within one run, since absolute times are not stable."""
