from foundation.models.callback_source import CallbackSource
from foundation.models.periodic_task import PeriodicTask
from foundation.models.rate_limit_counter import RateLimitCounter

__all__ = ["CallbackSource", "PeriodicTask", "RateLimitCounter"]
