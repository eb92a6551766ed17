"""Training: where model, domain and loss meet. See README.md beside this file."""
