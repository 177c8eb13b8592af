"""Every setting, one module per concern. Importing them starts nothing."""

from config.settings.api import *
from config.settings.apps import *
from config.settings.business import *
from config.settings.database import *
from config.settings.environment import *
from config.settings.limits import *
from config.settings.logging import *
from config.settings.process import *
from config.settings.providers import *
from config.settings.queue import *
from config.settings.retention import *
from config.settings.security import *
from config.settings.shutdown import *
