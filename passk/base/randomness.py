"""Randomness as a function of seed and step, so that a resumed run draws the same numbers.

OpenRLHF seeds its processes at their start and saves no random state in a checkpoint. After a resume the policy would
shuffle, and vLLM sample, as at step 1. With a new seed for each step there is no state to save.
"""

import hashlib


def seed_of(*parts: object) -> int:
    """Return a seed below 2**31 for a draw that its parts identify: run seed, step, prompt, sample."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=4).digest()) >> 1
