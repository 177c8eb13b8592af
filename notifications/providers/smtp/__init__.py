"""SMTP: e-mail through a mail server."""
