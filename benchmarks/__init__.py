"""Benchmarks of Daybook, measured from outside and against the sandbox (``make bench``)."""
