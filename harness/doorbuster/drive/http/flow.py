"""A contract's requests, compiled, and an order's values as they want them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from doorbuster.config.answers import Answer
from doorbuster.config.templates import Template, Verbatim, kind_of_body, parse_template
from doorbuster.drive.http.connection import Request, Response
from doorbuster.model.contract import HttpPlace, HttpStep
from doorbuster.model.order import Line, Order

# What is used where a contract gives no template for a line of the cart.
LINE = '{"product": :product, "quantity": :quantity, "price": :price}'
MESSAGE_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One request, ready to be filled."""

    step: str
    method: str
    target: Template
    headers: tuple[tuple[str, Template], ...]
    body: Template
    line: Template

    def request(self, order: Order, values: Mapping[str, Any]) -> Request:
        """The request for ``order``; ``values`` are its parameters and what earlier steps were answered.

        Raises:
            KeyError: a parameter that is neither.
        """
        known = {**values, "lines": self._lines(order)}
        headers = [(name, template.filled(known)) for name, template in self.headers]
        return Request(self.method, self.target.filled(known), headers, self.body.filled(known).encode())

    def _lines(self, order: Order) -> Verbatim:
        return Verbatim(f"[{', '.join(self.line.filled(_line_values(line, order)) for line in order.lines)}]")


def compile_requests(place: HttpPlace) -> tuple[HttpCall, ...]:
    """The requests that place an order, in order."""
    return tuple(compile_request(step, step.name or str(n)) for n, step in enumerate(place.requests, 1))


def compile_request(step: HttpStep, name: str) -> HttpCall:
    """One request. A body without a content type is JSON."""
    headers = dict(step.headers)
    if step.body and not any(header.lower() == "content-type" for header in headers):
        headers["Content-Type"] = "application/json"
    return HttpCall(
        name,
        step.method.upper(),
        parse_template(step.url, "url"),
        tuple((header, parse_template(value, "text")) for header, value in headers.items()),
        parse_template(step.body, kind_of_body(headers)),
        parse_template(step.line or LINE, "json"),
    )


def order_values(order: Order, attempt: int) -> dict[str, Any]:
    """An order's parameters for templates; ``:lines`` is each request's own."""
    first = order.lines[0] if order.lines else None
    line = _line_values(first, order) if first else dict.fromkeys(("product", "quantity", "price"))
    return {
        "order_key": order.order_key,
        "attempt": attempt,
        "customer": order.customer,
        "total": None if order.blank == "total" else Verbatim(order.total),
        **line,
    }


def _line_values(line: Line, order: Order) -> dict[str, Any]:
    product = Verbatim(line.product) if line.product.isdecimal() else line.product
    return {
        "product": None if order.blank == "product" else product,
        "quantity": {"quantity": None, "words": "two"}.get(order.blank or "", line.quantity),
        "price": Verbatim(line.price),
    }


def answer_of(step: str, response: Response) -> Answer:
    """What rules look at: the status, the body's text, and the value that it is as JSON, if it is any."""
    text = response.body.decode(errors="replace")
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    return Answer(step, value=value, status=response.status, message=text[:MESSAGE_CHARACTERS])


def columns(answer: Answer) -> dict[str, Any]:
    """What later steps may use of an answer: the members of a JSON object; of a list of one, its element's."""
    value = answer.value
    if isinstance(value, list) and len(value) == 1:
        (value,) = value
    return dict(value) if isinstance(value, dict) else {}
