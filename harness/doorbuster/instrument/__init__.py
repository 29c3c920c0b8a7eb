"""Yields: places inside PL/pgSQL functions, and around statements, at which somebody else decides who goes on.

For users: :func:`~doorbuster.instrument.deploy.instrument` puts yields into the functions of a (cloned) database,
:mod:`~doorbuster.instrument.gates` tells the advisory-lock keys by which a session is stopped at one.
"""
