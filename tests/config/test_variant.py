"""The headers of the library of broken and correct functions."""

from pathlib import Path

import pytest
from doorbuster.config.mistakes import ConfigError
from doorbuster.config.variant import library, read_variant
from doorbuster.engine.loading import standing_scenarios
from doorbuster.judge.checks import standard_checks

GOOD = """-- mistake: Reads without a lock,
--   and takes.
-- seen in: a shop
-- convicted by: oversold conservation
-- scenarios: last_item
-- contract: unkeyed
-- isolation: repeatable read,  read committed

-- an ordinary comment: not of the header
select 1;
"""


def read(path: Path, text: str, kind: str = "broken") -> object:
    path.write_text(text)
    return read_variant(path, kind, {"oversold", "conservation"}, {"last_item"})  # type: ignore[arg-type]


def mistakes(path: Path, text: str, kind: str = "broken") -> str:
    with pytest.raises(ConfigError) as caught:
        read(path, text, kind)
    return str(caught.value)


def test_a_header_is_read_with_its_continued_lines(tmp_path: Path) -> None:
    path = tmp_path / "no_lock.sql"
    path.write_text(GOOD)
    variant = read_variant(path, "broken", {"oversold", "conservation"}, {"last_item"})
    assert (variant.name, variant.title) == ("no_lock", "Reads without a lock, and takes.")
    assert variant.convicted_by == ("oversold", "conservation")
    assert variant.scenarios == ("last_item",)
    assert variant.isolation == ("read committed", "repeatable read")
    assert variant.contract.name == "unkeyed.toml"


def test_its_contract_deploys_the_variant_last_at_its_level(tmp_path: Path) -> None:
    path = tmp_path / "no_lock.sql"
    (tmp_path / "tables.sql").write_text("select 1;")
    path.write_text(GOOD.replace("-- contract: unkeyed", "-- contract: unkeyed\n-- schema: tables.sql"))
    variant = read_variant(path, "broken", {"oversold", "conservation"}, {"last_item"})
    loaded = variant.loaded("repeatable read")
    assert loaded.contract.name == "no_lock"
    assert [Path(f).name for f in loaded.contract.schema.files] == ["tables.sql", "no_lock.sql"]
    assert loaded.contract.session == {"default_transaction_isolation": "repeatable read"}
    assert "repeatable read" in loaded.text  # what a stored run is judged by


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("-- seen in: a shop\n", ""), "lacks '-- seen in:'"),
        (("oversold conservation", "oversold sold_over"), "unknown check 'sold_over'"),
        (("last_item", "last_unit"), "unknown scenario 'last_unit'"),
        (("contract: unkeyed", "contract: nobodys"), "no standing contract is called 'nobodys'"),
        (("contract: unkeyed", "contract: nobodys.toml"), "there is no nobodys.toml"),
        (("contract: unkeyed", "contract: unkeyed\n-- schema: none.sql"), "none.sql"),
        (("repeatable read", "repeatable"), "'repeatable' is no level"),
        (("-- seen in: a shop", "-- seen in: a shop\n-- found by: luck"), "found by: unknown key"),
        (("-- seen in: a shop", "-- seen in: a shop\n-- seen in: two"), "a second '-- seen in:'"),
        (("--   and takes.", "-- and takes."), "is no line of a header"),
    ],
)
def test_every_mistake_in_a_header_is_told(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    assert told in mistakes(tmp_path / "v.sql", GOOD.replace(*change))


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    told = mistakes(tmp_path / "v.sql", "-- mistake: something\n-- convicted by: nothing\n")
    assert all(part in told for part in ("seen in", "scenarios", "contract", "unknown check 'nothing'"))


def test_a_correct_function_names_its_levels_and_no_check(tmp_path: Path) -> None:
    text = "-- design: a lock\n-- contract: unkeyed\n-- convicted by: oversold\n"
    told = mistakes(tmp_path / "v.sql", text, "correct")
    assert "lacks '-- isolation:'" in told
    assert "convicted by: unknown key" in told


def test_the_library_is_sound_and_as_large_as_promised() -> None:
    variants = library(standard_checks(), standing_scenarios())
    assert sum(v.kind == "broken" for v in variants) >= 40
    assert sum(v.kind == "correct" for v in variants) >= 12
    assert len({v.name for v in variants}) == len(variants)
    for variant in variants:
        assert variant.loaded(variant.isolation[0]).contract.name == variant.name
