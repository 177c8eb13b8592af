"""Twilio, Razorpay and an SMTP server, played on loopback for development and tests. Imports nothing of the apps."""
