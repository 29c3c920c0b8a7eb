"""What a name says about its role: shops call the same few things by a few dozen names."""

import re
from typing import Literal

Role = Literal["order_key", "customer", "lines", "product", "quantity", "price", "total", "stock", "change", "status"]

# The first that matches counts. Names are compared in snake case, without a prefix such as p_ or _.
_ROLES: tuple[tuple[Role, str], ...] = (
    ("order_key", r"idempot|request_(id|key)|order_key|client_key|^key$|_key$|nonce"),
    ("lines", r"(items|lines|cart|basket|products)(_data|_json)?$"),
    ("quantity", r"qty|quantit|^count$|^units?$|copies|pieces|wanted$|seats|portions|how_many|^n$"),
    ("total", r"total|^amount$|_amount$"),
    ("price", r"price|cost"),
    ("customer", r"user|customer|buyer|guest|reader|client|member|shopper|account|person"),
    ("product", r"product|item|sku|isbn|good|ticket|article|variant|book|room|show|event|dish|night"),
    ("status", r"^status$|_status$|^state$"),
)
_STOCK = r"stock|available|on_hand|inventory|quantity|qty|remaining|free|balance|capacity|^total$|reserved|sold"
_TAKEN = r"reserved|sold|held|allocated"
_CHANGE = r"change|delta|movement|diff|quantity"
CHECKOUT = r"checkout|order|purchase|buy|reserve|book|place|pay|hold|ship|sell|take"
NO_CHECKOUT = r"cancel|restock|release|refund|return|get_|list_|report|update_|end_|migrate"


def snake(name: str) -> str:
    """A name in snake case, without quotes and without the prefix of a parameter."""
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.replace('"', "")).lower()
    return re.sub(r"^(p|v|in|arg|_)_|^_+", "", plain)


def role_of(name: str) -> Role | None:
    """The role that a name suggests."""
    plain = snake(name)
    return next((role for role, pattern in _ROLES if re.search(pattern, plain)), None)


def is_stock(name: str) -> bool:
    """Whether a column may count what is there."""
    return bool(re.search(_STOCK, snake(name)))


def is_taken(name: str) -> bool:
    """Whether a column may count what is taken already."""
    return bool(re.search(_TAKEN, snake(name)))


def is_change(name: str) -> bool:
    """Whether a column may hold a movement."""
    return bool(re.search(_CHANGE, snake(name)))


def quoted(name: str) -> str:
    """A name as SQL wants it."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'
