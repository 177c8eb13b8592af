"""No slot sold twice and no request carried out twice, whatever races, breaks and is sent again. ``make race``."""
