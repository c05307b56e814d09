"""Accounts: sign-up, the proof of an address, log-in with a password, and what people do with their accounts."""
