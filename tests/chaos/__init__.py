"""The proof that no event is lost: a known load, faults at random moments, and an account at the end.

`make chaos ARGS="--runs 4 --seed 1"`, or `--short` for CI. What is expected is worked out from docs/reference alone.
"""
