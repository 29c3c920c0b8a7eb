"""The checks, the thresholds, the verdict."""
