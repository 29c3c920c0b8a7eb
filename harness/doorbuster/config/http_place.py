"""What can be wrong in a contract's ``[place.http]``, found before anything is started."""

import json
import re
from collections.abc import Iterator, Sequence

from doorbuster.config.templates import Kind, kind_of_body, parse_template, unknown_in_template
from doorbuster.model.contract import Contract, HttpPlace, HttpServer, HttpStep

PLACEHOLDERS = ("host", "port", "database_url", "python")
Told = tuple[str, str, str]
_LINE = ("product", "quantity", "price")


def http_mistakes(contract: Contract, known: Sequence[str]) -> Iterator[Told]:
    """Every mistake as (key, message, cure); ``known`` are the names of an order's parameters."""
    http = contract.place.http
    if http is None:
        return
    if (http.url is None) == (not http.steps):
        yield "place.http", "needs either 'url' or [[place.http.steps]]", "Give one request, or the steps of a flow."
    if contract.place.compensate:
        yield "place.compensate", "belongs to a flow of statements", "What undoes a request is the shop's own business."
    if contract.session:
        cure = "Give the shop what it needs in place.http.server.command or environment."
        yield "session", "the sessions of a shop behind HTTP are its own", cure
    yield from _server_mistakes(http.server)
    yield from _step_mistakes(http, known)


def _server_mistakes(server: HttpServer) -> Iterator[Told]:
    key = "place.http.server"
    if not server.command:
        yield f"{key}.command", "is empty", 'Write the program and its arguments, such as ["npm", "start"].'
    if not server.ready.startswith("/"):
        yield f"{key}.ready", f"{server.ready!r} is no path", "It begins with a slash; the harness knows the address."
    texts = {"command": server.command, "single": server.single, "environment": tuple(server.environment.values())}
    for place, words in texts.items():
        for name in re.findall(r"\{(\w+)\}", " ".join(words)):
            if name not in PLACEHOLDERS:
                cure = f"Known here: {', '.join(f'{{{p}}}' for p in PLACEHOLDERS)}."
                yield f"{key}.{place}", f"unknown placeholder {{{name}}}", cure


def _step_mistakes(http: HttpPlace, known: Sequence[str]) -> Iterator[Told]:
    single = http.url is not None
    for number, step in enumerate(http.requests):
        # A later step may use any member of an earlier answer, which only the shop knows.
        names = known if number == 0 else None
        yield from _request_mistakes("place.http" if single else f"place.http.steps.{number}", step, names)
    for number, step in enumerate(http.retired):
        yield from _request_mistakes(f"place.http.retired.{number}", step, (*known, "order_id"))


def _request_mistakes(key: str, step: HttpStep, known: Sequence[str] | None) -> Iterator[Told]:
    if not step.url.startswith("/"):
        yield f"{key}.url", f"{step.url!r} is no path", "It begins with a slash; the harness knows the address."
    body = kind_of_body(step.headers)
    headers: list[tuple[str, str, Kind]] = [(f"headers.{n}", text, "text") for n, text in step.headers.items()]
    texts: list[tuple[str, str, Kind]] = [("url", step.url, "url"), *headers, ("body", step.body, body)]
    for part, text, kind in texts:
        if known is not None:
            yield from _unknown(f"{key}.{part}", text, kind, known)
    yield from _unknown(f"{key}.line", step.line or "", "json", _LINE)
    if body == "json" and step.body:
        yield from _json_mistakes(f"{key}.body", step.body)
    if step.line is not None:
        yield from _json_mistakes(f"{key}.line", step.line)


def _unknown(key: str, text: str, kind: Kind, known: Sequence[str]) -> Iterator[Told]:
    for name, line in unknown_in_template(text, kind, known):
        yield key, f"unknown parameter :{name} in line {line}", f"Known here: {', '.join(':' + k for k in known)}."


def _json_mistakes(key: str, text: str) -> Iterator[Told]:
    template = parse_template(text, "json")
    filled = template.filled(dict.fromkeys(template.names, 1))
    try:
        json.loads(filled)
    except ValueError as problem:
        yield key, f"is no JSON once its parameters are filled in: {problem}", f"With 1 everywhere it is {filled}"
