"""Processes, folders and ports of this machine; the lowest layer above the model."""
