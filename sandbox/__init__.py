"""Simulates Twilio, Razorpay and an SMTP server on loopback. Imports no other package of the repository."""
