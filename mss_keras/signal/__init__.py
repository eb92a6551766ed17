"""STFT and its inverse, log-mel patches, decibels, and the one policy for stabilisers."""
