"""Where settings come from, the environment and ``.env``, and where data is stored. Programs need it before Django."""

import os
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


class Settings(environ.Env):
    """Reads settings; a value that is not valid is a set-up fault that names its setting."""

    def get_value(self, var: str, *args: Any, **options: Any) -> Any:
        try:
            return super().get_value(var, *args, **options)
        except ValueError as error:
            raise ImproperlyConfigured(f"{var} is not valid: {error}") from error


env = Settings()
env.read_env(BASE_DIR / ".env")

# A relative path is relative to the code, wherever a command runs.
DATA_DIR = BASE_DIR / Path(env.str("DATA_DIR", default="") or ".data").expanduser()


def prepare_data_folder() -> None:
    """Create DATA_DIR if it is missing. Raises ImproperlyConfigured if this user cannot write to it."""
    try:
        DATA_DIR.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"DATA_DIR cannot be created: {error}") from error
    if not os.access(DATA_DIR, os.W_OK | os.X_OK):
        raise ImproperlyConfigured(f"DATA_DIR is not writable by this user: {DATA_DIR}")
