"""What a cut told of itself, as a row of cells."""

from typing import Any

from doorbuster.report.strip import WIDTH, legend, strips


def row(cut: str, first: int, last: int, happened: str, violated: str = "") -> dict[str, Any]:
    return {
        "cut": cut, "from_byte": first, "to_byte": last, "places": last - first + 1, "where": "inside Bind",
        "happened": happened, "answer": "unknown (eof)", "retry": "ok", "violated": violated,
    }  # fmt: skip


TOLD = {
    "strip": [
        row("close up", 0, 99, "nothing happened"),
        row("close up", 100, 100, "committed, not answered"),
        row("close down", 0, 0, "committed, not answered", "duplicate_order"),
        row("close down", 1, 1, "half done, answered no"),
    ]
}


def test_each_way_is_a_strip_whose_cells_fill_it_without_overlap() -> None:
    found = strips(TOLD)
    assert [strip.name for strip in found] == ["close up", "close down"]
    for strip in found:
        ends = [cell.x + cell.width for cell in strip.cells]
        assert all(end <= following.x for end, following in zip(ends, strip.cells[1:], strict=False))
        assert WIDTH - 2 <= ends[-1] <= WIDTH


def test_a_violation_is_the_colour_whatever_else_happened() -> None:
    up, down = strips(TOLD)
    assert [cell.tone for cell in (*up.cells, *down.cells)] == ["nothing", "lost", "violated", "half"]
    assert "violated: duplicate_order" in down.cells[0].title


def test_the_legend_counts_places_not_cells() -> None:
    assert {entry["tone"]: entry["places"] for entry in legend(TOLD)} == {
        "nothing": 100, "lost": 1, "violated": 1, "half": 1,
    }  # fmt: skip


def test_a_crash_goes_by_kind() -> None:
    rows = [{"place": f"{kind} 3.1", "happened": "nothing happened"} for kind in ("cancel", "cancel", "terminate")]
    assert [(strip.name, len(strip.cells)) for strip in strips({"strip": rows})] == [("cancel", 2), ("terminate", 1)]


def test_what_tells_of_no_places_has_no_strip() -> None:
    assert strips({"explored": 48}) == ()
    assert legend({"explored": 48}) == []
