"""Contract and scenario files into the model; parameters of a call; answer rules; thresholds."""
