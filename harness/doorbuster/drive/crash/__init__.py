"""Killing at every statement and under load, then recovery, then a retry."""
