"""A client of a served separator; it imports no TensorFlow."""

from serving.client.errors import ServingError
from serving.client.remote import Client

__all__ = ["Client", "ServingError"]
