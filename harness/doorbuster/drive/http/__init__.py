"""Placing orders over HTTP."""
