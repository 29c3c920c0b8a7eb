"""A call, prepared on a connection of a buyer's: what it is sent, and what is made of its rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from doorbuster.drive.fast_lane import FastLane, GoOn, Unsent, lane_for
from doorbuster.drive.flow import Arguments, answer_value, json_answer, lone_json
from doorbuster.drive.lent_line import LentConnection
from doorbuster.model.order import Order


@dataclass(frozen=True, slots=True)
class Prepared:
    """asyncpg's ``statement``, its columns' names and types, and the lane where it may go over one."""

    statement: Any
    arguments: Arguments
    result_names: tuple[str, ...]
    result_types: tuple[str, ...]
    lane: FastLane | None

    async def fetch(self, order: Order, attempt: int, go_on: GoOn | None) -> Any:
        """What rules look at of the answer to an order that is one statement; to the last, where there are more.

        Raises:
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError: as asyncpg's ``fetch``.
            ValueError: a parameter of the wrong type.
            CannotGoOn: ``go_on`` failed.
        """
        try:
            reply = None if self.lane is None else self.lane.ask(order, attempt, go_on)
            if reply is not None:
                return json_answer(await reply, self.result_names[0])
        except Unsent as left:
            order, attempt = left.args
        rows = await self.statement.fetch(*self.arguments.of_order(order, attempt))
        value = lone_json(rows, self.result_types)
        return answer_value(rows, self.result_types)[0] if value is None else value


def prepared(statement: Any, name: str, parameters: Sequence[str], lent: LentConnection | None) -> Prepared:
    """What asyncpg has prepared under ``name``; over a lane on ``lent``, where that is possible."""
    columns = statement.get_attributes()
    return Prepared(
        statement,
        Arguments(parameters, [kind.name for kind in statement.get_parameters()]),
        tuple(column.name for column in columns),
        tuple(column.type.name for column in columns),
        None if lent is None else lane_for(lent, name, parameters, statement),
    )
