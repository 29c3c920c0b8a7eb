from pathlib import Path

import pytest
from doorbuster.config.contract import load_contract
from doorbuster.engine.sources import source_lines
from doorbuster.host.resources import resource


@pytest.mark.parametrize("name", ["create_order_with_inventory", "first_published", "two_calls"])
def test_each_line_is_where_its_statement_stands(name: str) -> None:
    sources = source_lines(load_contract(resource(f"scenarios/contracts/{name}.toml")))
    assert {"stock", "orders", "lines", "movements"} == {part for source in sources for part in source.touches}
    for source in sources:
        line = Path(source.file).read_text().splitlines()[source.line - 1]
        first = source.text.split()[0].lower()
        assert first in line.lower() or source.text.startswith("function ")


def test_a_read_of_the_stock_comes_before_its_write() -> None:
    sources = source_lines(load_contract(resource("scenarios/contracts/first_published.toml")))
    first = next(source for source in sources if "stock" in source.touches)
    assert first.text.lower().startswith("select stock_quantity")
