"""Every order of the statements inside a function, one schedule after the other."""
