"""A contract proposed for a database that nobody has described yet: guessed, and proved by an order."""
