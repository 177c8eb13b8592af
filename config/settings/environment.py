"""Where settings come from: the environment and ``.env``. ``.env.example`` explains each."""

from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent.parent

env = environ.Env()
env.read_env(BASE_DIR / ".env")
