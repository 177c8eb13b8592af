"""Designs that Daybook is measured beside."""
