"""Twilio. The only package that imports its SDK or knows its terms, outbound and inbound."""
