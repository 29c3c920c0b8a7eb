"""The library of broken and of correct functions: SQL files whose first lines say what they are.

A header is made of comment lines ``-- key: value``, a value going on in lines that begin with ``--`` and three spaces.
Both sorts name a ``contract`` (a standing one by its name, or a ``.toml`` file beside the variant) and may name a
``schema`` (files that take the place of the contract's own) and ``isolation`` levels, by commas. A broken one says its
``mistake``, where the like was ``seen in``, the checks it is ``convicted by`` and the ``scenarios`` of which each
suffices; a correct one its ``design``.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from doorbuster.config.contract import LoadedContract, load_contract
from doorbuster.config.mistakes import ConfigError, Mistake
from doorbuster.host.resources import resource
from doorbuster.model.interleave import Isolation
from doorbuster.model.power import VariantKind

LEVELS: tuple[Isolation, ...] = get_args(Isolation)
_BOTH = ("contract", "schema", "isolation")
_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # required, all
    "broken": (("mistake", "seen in", "convicted by", "scenarios", "contract"),
               ("mistake", "seen in", "convicted by", "scenarios", *_BOTH)),
    "correct": (("design", "contract", "isolation"), ("design", *_BOTH)),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Variant:
    """A function of the library. ``title`` is its mistake or its design; ``isolation`` the levels it is tried at."""

    name: str
    kind: VariantKind
    path: Path
    title: str
    seen_in: str
    contract: Path
    schema: tuple[Path, ...]
    isolation: tuple[Isolation, ...]
    convicted_by: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()

    def loaded(self, isolation: Isolation) -> LoadedContract:
        """The contract it is tried under, at a level.

        Raises:
            ConfigError: the contract has mistakes.
        """
        return with_variant(self.contract, self.name, self.schema, self.path, isolation)


def with_variant(
    contract: Path, name: str, schema: Collection[Path], file: Path, isolation: Isolation | None = None
) -> LoadedContract:
    """A contract under another name with ``file`` deployed last, after ``schema`` or else the contract's own files.

    Raises:
        ConfigError: the contract has mistakes.
    """
    before = [str(path) for path in schema] or list(load_contract(contract).contract.schema.files)
    changes: dict[str, Any] = {"name": name, "schema": {"files": [*before, str(file)]}}
    if isolation is not None:
        changes["session"] = {"default_transaction_isolation": isolation}
    return load_contract(contract, changes)


def load_variants(
    folder: Path, kind: VariantKind, checks: Collection[str], scenarios: Collection[str]
) -> list[Variant]:
    """All variants in ``folder``, by name; ``checks`` and ``scenarios`` are the names known.

    Raises:
        ConfigError: every mistake in every header.
    """
    found, mistakes = [], []
    for path in sorted(folder.glob("*.sql")):
        try:
            found.append(read_variant(path, kind, checks, scenarios))
        except ConfigError as error:
            mistakes += error.mistakes
    if mistakes:
        raise ConfigError(mistakes)
    return found


def read_variant(path: Path, kind: VariantKind, checks: Collection[str], scenarios: Collection[str]) -> Variant:
    """The variant in the file ``path``.

    Raises:
        ConfigError: every mistake in its header.
    """
    header, mistakes = _header(path.read_text(encoding="utf-8"), path)
    required, known = _KEYS[kind]
    mistakes += [_unknown(path, key, known) for key in header if key not in known]
    mistakes += [Mistake(str(path), f"the header lacks '-- {key}:'") for key in required if not header.get(key)]
    names = header.get("convicted by", "").split()
    mistakes += [Mistake(f"{path}: convicted by", f"unknown check {name!r}") for name in names if name not in checks]
    where = header.get("scenarios", "").split()
    mistakes += [Mistake(f"{path}: scenarios", f"unknown scenario {n!r}") for n in where if n not in scenarios]
    levels = _levels(header.get("isolation", "read committed"), path, mistakes)
    contract = _contract(header.get("contract", ""), path, mistakes)
    schema = _schema(header.get("schema", "").split(), path, mistakes)
    if mistakes:
        raise ConfigError(mistakes)
    return Variant(
        path.stem, kind, path, header.get("mistake") or header["design"], header.get("seen in", ""), contract, schema,
        levels, tuple(names), tuple(where),
    )  # fmt: skip


def _header(text: str, path: Path) -> tuple[dict[str, str], list[Mistake]]:
    found: dict[str, str] = {}
    mistakes, key = [], ""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("--"):
            break
        if match := re.fullmatch(r"-- ([a-z][a-z ]*): +(\S.*)", line):
            key = match[1]
            if key in found:
                mistakes.append(Mistake(f"{path}:{number}", f"a second '-- {key}:'"))
            found[key] = match[2].strip()
        elif key and line.startswith("--   "):
            found[key] += " " + line[5:].strip()
        else:
            cure = "'-- key: value', or three spaces to go on; other comments come after an empty line."
            mistakes.append(Mistake(f"{path}:{number}", "is no line of a header", cure))
    return found, mistakes


def _unknown(path: Path, key: str, known: Collection[str]) -> Mistake:
    return Mistake(f"{path}: {key}", "unknown key", f"Known here: {', '.join(known)}.")


def _levels(text: str, path: Path, mistakes: list[Mistake]) -> tuple[Isolation, ...]:
    words = [" ".join(word.split()) for word in text.split(",")]
    mistakes += [
        Mistake(f"{path}: isolation", f"{word!r} is no level", f"Known here: {', '.join(LEVELS)}.")
        for word in words if word not in LEVELS
    ]  # fmt: skip
    return tuple(level for level in LEVELS if level in words)


def _contract(named: str, path: Path, mistakes: list[Mistake]) -> Path:
    if named and not named.endswith(".toml"):
        try:
            return resource(f"scenarios/contracts/{named}.toml")
        except FileNotFoundError:
            mistakes.append(Mistake(f"{path}: contract", f"no standing contract is called {named!r}"))
    elif named and not (path.parent / named).is_file():
        mistakes.append(Mistake(f"{path}: contract", f"there is no {named}"))
    return path.parent / named


def _schema(named: Collection[str], path: Path, mistakes: list[Mistake]) -> tuple[Path, ...]:
    files = [path.parent / name for name in named]
    mistakes += [Mistake(f"{path}: schema", f"there is no {f}") for f in files if not f.is_file()]
    return tuple(file.resolve() for file in files)


def library(checks: Collection[str], scenarios: Mapping[str, Path]) -> list[Variant]:
    """Every function of the library that comes with the harness: the broken ones, then the correct ones.

    Raises:
        ConfigError: every mistake in every header.
    """
    sorts: tuple[VariantKind, ...] = ("broken", "correct")
    return [v for kind in sorts for v in load_variants(resource(f"sql/{kind}"), kind, checks, scenarios)]
