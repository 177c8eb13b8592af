"""Where settings come from: the environment and ``.env``. ``.env.example`` explains each."""

from runtime.environment import BASE_DIR, DATA_DIR, env

__all__ = ["BASE_DIR", "DATA_DIR", "env"]

LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "::1"}
