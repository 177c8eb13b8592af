"""Benchmarks: measured from outside, in one run, against the sandbox. ``make bench``."""
