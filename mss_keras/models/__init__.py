"""Tensors to tensors: networks and the separation flow; knows no loss. See README.md."""
