"""Whatever files, logs and conversations hold: an answer, or the one error that its reader promises.

DOORBUSTER_FUZZ=100000 says how many examples each test tries; without it, few enough for every day.
"""

import copy
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pytest
import tomli_w
from doorbuster.config.contract import load_contract
from doorbuster.config.mistakes import ConfigError
from doorbuster.config.parameters import parse_parameters
from doorbuster.config.scenario import load_scenario
from doorbuster.config.thresholds import parse_threshold
from doorbuster.host.resources import resource
from doorbuster.judge.checks import standard_checks
from doorbuster.judge.rows import LogNotUnderstood, create_images, require_unbroken
from doorbuster.network.faults import FAULTS
from doorbuster.network.wire import parse_conversation
from doorbuster.postgres.connect import redacted
from doorbuster.postgres.script import ScriptError, decode, statements
from doorbuster.record.catalogue import Column, Table
from doorbuster.record.seal import empty_table
from doorbuster.record.tables import CHANGES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

E = TypeVar("E", bound=Exception)
T = TypeVar("T")

EXAMPLES = int(os.environ.get("DOORBUSTER_FUZZ", "150"))
fuzzed = settings(
    max_examples=EXAMPLES, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
CONTRACT = resource("scenarios/contracts/create_order_with_inventory.toml")
SCENARIOS = sorted(resource("scenarios").glob("*.toml"))

words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
sql = st.lists(
    st.sampled_from(
        [":", "::", ":=", "'", "''", "$$", "$a$", '"', "--", "/*", "*/", "\\", ";", "(", ")", "[1:2]", ":order_key",
         ":lines::jsonb", "e'\\'", "select", "\n", "é", "copy t from stdin;\n", "\\.\n", "\\i x\n", " "]
    ) | words,
    max_size=12,
).map("".join)  # fmt: skip
junk: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | words | sql,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words.filter(bool), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def damaged(draw: Callable[..., Any], content: dict[str, Any]) -> dict[str, Any]:
    """The content of a good file with one to three values replaced, removed or added."""
    content = copy.deepcopy(content)
    for _ in range(draw(st.integers(1, 3))):
        place: Any = content
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], (dict, list)) and draw(st.booleans()):
                place = place[key]
                continue
            if draw(st.integers(0, 4)):
                place[key] = draw(junk)
            else:
                del place[key]
            break
        if isinstance(place, dict) and not draw(st.integers(0, 4)):
            place[draw(words)] = draw(junk)
    return content


def accepted_or_explained(load: Callable[[], object]) -> None:
    """It loads, or every mistake has a place and a message."""
    mistakes = refusal(load, ConfigError, lambda error: error.mistakes)
    assert mistakes is None or (mistakes and all(str(mistake).strip() for mistake in mistakes))


def refusal(call: Callable[[], object], kind: type[E], told: Callable[[E], T]) -> T | None:
    """What the one promised error tells, or None where the call went well; any other error is one of the test."""
    try:
        call()
    except kind as error:
        return told(error)
    return None


@fuzzed
@given(content=damaged(tomllib.loads(CONTRACT.read_text())))
def test_a_damaged_contract_loads_or_is_explained(tmp_path: Path, content: dict[str, Any]) -> None:
    path = tmp_path / "contract.toml"
    path.write_text(tomli_w.dumps(content), encoding="utf-8")
    accepted_or_explained(lambda: load_contract(path))


@fuzzed
@given(content=st.sampled_from(SCENARIOS).flatmap(lambda path: damaged(tomllib.loads(path.read_text()))))
def test_a_damaged_scenario_loads_or_is_explained(tmp_path: Path, content: dict[str, Any]) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(tomli_w.dumps(content), encoding="utf-8")
    accepted_or_explained(lambda: load_scenario(path, standard_names(), FAULTS))


_names: list[str] = []


def standard_names() -> list[str]:
    if not _names:
        _names.extend(standard_checks())
    return _names


@fuzzed
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_as_contract_or_scenario_are_explained(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.toml"
    path.write_bytes(content)
    for load in (lambda: load_contract(path), lambda: load_scenario(path, standard_names(), FAULTS)):
        with pytest.raises(ConfigError):
            load()


@fuzzed
@given(text=sql)
def test_parameters_are_found_in_any_text_and_what_is_no_parameter_stays(text: str) -> None:
    parsed = parse_parameters(text)
    assert isinstance(parsed.sql, str)
    if ":" not in text:
        assert (parsed.sql, list(parsed.names)) == (text, [])


@fuzzed
@given(
    text=st.text(max_size=40)
    | st.from_regex(r"(p99|error_rate|throughput) ?[<>=]{1,2} ?[\d.]+(ms|s|%|/s)?( in \w+)?")
)
def test_a_threshold_is_read_or_refused(text: str) -> None:
    assert refusal(lambda: parse_threshold(text), ValueError, str) != ""


@fuzzed
@given(content=st.binary(max_size=300) | sql.map(str.encode))
def test_any_bytes_as_sql_file_are_split_or_refused_with_a_line(content: bytes) -> None:
    def split() -> None:
        text = decode(content)
        assert all(1 <= statement.line <= text.count("\n") + 1 for statement in statements(text))

    told = refusal(split, ScriptError, lambda refused: (refused.line, refused.message))
    assert told is None or (told[0] >= 1 and told[1])


messages = st.tuples(st.binary(min_size=1, max_size=1), st.integers(-1, 40), st.binary(max_size=40)).map(
    lambda m: m[0] + (m[1] & 0xFFFFFFFF).to_bytes(4, "big") + m[2]
)
streams = st.binary(max_size=200) | st.lists(messages, max_size=8).map(b"".join)


@fuzzed
@given(up=streams, down=streams, start_up=st.booleans())
def test_any_conversation_is_a_gapless_row_of_messages(up: bytes, down: bytes, start_up: bool) -> None:
    conversation = parse_conversation(up, down, start_up=start_up)
    for direction, data in (("up", up), ("down", down)):
        position = 0
        for message in conversation.messages(direction):  # type: ignore[arg-type]
            assert message.first == position < message.end
            position = message.end
        assert position == len(data)


VALUES = st.sampled_from(
    ["null", "7", "-5", "'x'", "'it''s'", "'stock[integer]:-5'", "'a\nb'", "unchanged-toast-datum", "B'01'", "'", ""]
)
TABLE = Table(
    "t", "public.t", tuple(Column(name, name, kind, name == "id") for name, kind in
                           [("id", "integer"), ("stock", "integer"), ("name", "text")]),
)  # fmt: skip


@settings(parent=fuzzed, max_examples=max(EXAMPLES // 5, 30))
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["INSERT", "UPDATE", "DELETE"]), VALUES, VALUES, VALUES, st.booleans(), words),
        max_size=4,
    )
)
def test_any_log_is_understood_or_refused(rows: list[tuple[str, str, str, str, bool, str]]) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"create table changes as {empty_table(CHANGES)}")
        for number, (op, id_, stock, name, whole, noise) in enumerate(rows):
            row = f"id[integer]:{id_} stock[integer]:{stock} name[text]:{name}"
            if op == "UPDATE":
                row = f"old-key: {row} new-tuple: {row}"
            data = row if whole else row + noise
            connection.execute("insert into changes values (?, ?, ?, ?, ?)", [number, number, TABLE.printed, op, data])

        def understand() -> None:
            create_images(connection, TABLE, "images")
            require_unbroken(connection, TABLE, "images")

        assert refusal(understand, LogNotUnderstood, str) != ""


@fuzzed
@given(
    user=st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
    password=st.from_regex(r"[A-Za-z0-9%!$*-]{6,20}", fullmatch=True),
)
def test_no_password_survives_redaction(user: str, password: str) -> None:
    for text in (f"--postgres=postgresql://{user}:{password}@h:1/d", f"postgres://{user}@h/d?password={password}&a=b"):
        shown = redacted(text)
        assert f":{password}@" not in shown
        assert f"={password}" not in shown
