"""Sources of signed callbacks, and how many of their last callbacks were refused."""

from django.db import models


class CallbackSource(models.Model):
    """A provider's callbacks to one of our URLs: ``refused`` counts those refused in a row, up to the alert."""

    name = models.CharField(max_length=40, primary_key=True)
    refused = models.PositiveSmallIntegerField()

    def __str__(self) -> str:
        return f"{self.name}: {self.refused} refused in a row"
