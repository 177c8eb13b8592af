"""Designs that Daybook is compared with."""
