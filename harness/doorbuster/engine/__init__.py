"""Composes a run: a server, a proxy, scenarios one by one, two witnesses, the judge; emits events all the while."""
