"""The same excerpts through several separators, to be heard and read side by side."""
