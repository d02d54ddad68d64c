"""Pilot: does a pretrained model copy a hint in words, and how well does it compute beside it."""
