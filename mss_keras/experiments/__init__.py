"""Many runs in one experiment: the benchmark of losses and the search for their weights."""
