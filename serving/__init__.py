"""SavedModels for TensorFlow Serving, the server's configuration, and a client."""
