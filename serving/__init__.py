"""SavedModel export and what TensorFlow Serving needs to run it."""
