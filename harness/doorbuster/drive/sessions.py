"""Which sessions of a shop's database work for its buyers."""

from doorbuster.drive.sql_buyer import APPLICATION
from doorbuster.model.contract import Contract

_BUYERS = f"application_name = '{APPLICATION}'"
# The shop's own: whoever is there and not the harness. The database is nobody else's.
_SHOPS = "backend_type = 'client backend' and application_name not like 'doorbuster %'"


def sessions_of(contract: Contract) -> str:
    """A condition over ``pg_stat_activity`` in the shop's own database: the sessions that place orders."""
    own = _SHOPS if contract.place.http is not None else _BUYERS
    return f"(datname = current_database() and {own})"
