"""Toxiproxy between the buyers and what they talk to: finding it, running it, and named faults that heal themselves."""
