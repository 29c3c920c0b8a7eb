"""What a buyer wants."""

from typing import Literal, NamedTuple

# A cart that names a product twice may be refused or served; a key that belongs to another cart may be refused or
# answered with the order of that cart; a stated total that the lines do not make may be refused or corrected.
OrderClass = Literal[
    "valid", "unknown_product", "zero", "negative", "empty", "malformed", "huge",
    "duplicate_lines", "reused_key", "wrong_total",
]  # fmt: skip
Blank = Literal["product", "quantity", "total", "words"]


class Line(NamedTuple):
    """One line of a cart; ``price`` is a decimal number in text, never a float."""

    product: str
    quantity: int
    price: str


class Order(NamedTuple):
    """One thing a buyer wants; it may take several attempts, all with this key and this customer.

    ``order_class`` says what the harness knows about it: only ``valid`` orders may be expected to succeed. ``blank`` is
    what a malformed order sends as null, in every line or as its total; ``words``: in JSON, its quantities in words.
    """

    order_key: str
    customer: str
    lines: tuple[Line, ...]
    total: str
    order_class: OrderClass = "valid"
    blank: Blank | None = None
