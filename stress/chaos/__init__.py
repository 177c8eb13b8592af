"""Prove the delivery guarantees under kills and faults, with real processes, from the sandbox's log."""
