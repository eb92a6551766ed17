"""Listening tests, and what listeners' ratings say of metrics; see README.md."""
