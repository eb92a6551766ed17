"""Listening tests: built, served, and compared with what metrics say."""
