"""Prove the delivery guarantees under kills and faults, with real processes, by the sandbox's log."""
