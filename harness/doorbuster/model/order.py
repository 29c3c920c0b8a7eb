"""What a buyer wants."""

from dataclasses import dataclass
from typing import Literal

OrderClass = Literal["valid", "unknown_product", "zero", "negative", "empty", "malformed", "huge"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a cart; ``price`` is a decimal number in text, never a float."""

    product: str
    quantity: int
    price: str


@dataclass(frozen=True, slots=True)
class Order:
    """One thing a buyer wants; it may take several attempts, all with this key and this customer.

    ``order_class`` says what the harness knows about it: only ``valid`` orders may be expected to succeed.
    """

    order_key: str
    customer: str
    lines: tuple[Line, ...]
    total: str
    order_class: OrderClass = "valid"
