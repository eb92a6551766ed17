"""The search for the weights of losses; `search.py` begins it."""
