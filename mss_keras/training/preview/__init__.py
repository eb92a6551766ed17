"""A preview of the data: what training really gets."""

from mss_keras.training.preview.making import preview

__all__ = ["preview"]
