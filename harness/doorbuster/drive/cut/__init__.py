"""Cutting the connection at every byte of an order's conversation, and what the buyer does next."""
