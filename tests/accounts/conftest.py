import logging

import pytest


@pytest.fixture
def accounts_log(caplog):
    """The log of accounts, which does not propagate to the handler of ``caplog``."""
    logger = logging.getLogger("accounts")
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)
