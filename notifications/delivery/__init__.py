"""Delivery: claim due notifications, send them, record the outcomes."""
