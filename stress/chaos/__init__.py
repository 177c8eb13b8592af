"""The delivery promise under kills and faults: real processes, and the sandbox's accept log as the truth."""
