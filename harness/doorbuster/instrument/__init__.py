"""Marks inside PL/pgSQL functions: places before statements at which something can be made to happen.

:mod:`~doorbuster.instrument.functions` puts marks into copies; :mod:`~doorbuster.instrument.yields` chooses those at
which a scheduler may stop, and :mod:`~doorbuster.instrument.footprint` tells what the statement behind each touches.
"""
