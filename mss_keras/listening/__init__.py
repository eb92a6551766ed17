"""Listening tests."""
