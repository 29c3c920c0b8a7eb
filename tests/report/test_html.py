"""What a reader of report.html gets, and what a stranger's text in it cannot do."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest
from doorbuster.model.events import RunFinished
from doorbuster.model.result import RunResult
from doorbuster.report.html import HtmlReport, as_html
from doorbuster.report.template import data_block

from tests.report.samples import ALL, HOSTILE, REPLAY, TEXTS, crashed_early, hostile, passing, slow, violated

VOID = {"meta", "br", "hr", "img", "input", "link"}


@dataclass
class Page(HTMLParser):
    """A parsed report: its elements with their attributes, the text outside scripts, and raw contents by element."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""
    raw: dict[str, list[str]] = field(default_factory=lambda: {"script": [], "style": []})
    stack: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in self.raw:
            self.raw[tag].append("")
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack, f"</{tag}> closes nothing"
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] in self.raw:
            self.raw[self.stack[-1]][-1] += data
        else:
            self.text += data

    @property
    def policy(self) -> str:
        return next(a["content"] or "" for t, a in self.elements if a.get("http-equiv") == "Content-Security-Policy")

    @property
    def code(self) -> list[str]:
        """The scripts that a browser executes."""
        types = [attributes.get("type") for tag, attributes in self.elements if tag == "script"]
        return [s for s, kind in zip(self.raw["script"], types, strict=True) if kind != "application/json"]


def page_of(result: RunResult) -> Page:
    page = Page()
    page.feed(as_html(result, TEXTS))
    page.close()
    assert page.stack == [], "every element is closed"
    return page


@pytest.fixture(params=list(ALL.values()), ids=list(ALL))
def page(request: pytest.FixtureRequest) -> Page:
    sample: Callable[[], RunResult] = request.param
    return page_of(sample())


def test_the_policy_allows_only_what_it_names_by_hash(page: Page) -> None:
    assert "unsafe" not in page.policy
    assert page.policy.startswith("default-src 'none'; ")
    assert not re.search(r"https?:|data:|\*|'self'", page.policy)


def test_the_hashes_are_those_of_the_contents(page: Page) -> None:
    for directive, contents in (("script-src", page.code), ("style-src", page.raw["style"])):
        sources = re.search(rf"{directive} ([^;]*)", page.policy)
        expected = [base64.b64encode(hashlib.sha256(c.encode()).digest()).decode() for c in contents]
        assert sources
        assert sources.group(1).split() == [f"'sha256-{digest}'" for digest in expected]


def test_the_page_loads_nothing_and_carries_no_inline_handlers_or_styles(page: Page) -> None:
    for tag, attributes in page.elements:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form", "audio", "video"}
        assert not {name for name in attributes if name in ("style", "src", "srcset") or name.startswith("on")}
        assert attributes.get("href", "#").startswith("#"), attributes  # type: ignore[union-attr]
    assert "url(" not in "".join(page.raw["style"])
    assert "@import" not in "".join(page.raw["style"])


def test_hostile_text_is_text_only() -> None:
    html, page = as_html(hostile(), TEXTS), page_of(hostile())
    assert "<script>alert" not in html
    assert "<img" not in html
    assert len(page.raw["script"]) == len(page_of(passing()).raw["script"])
    assert "<script>alert(1)</script> [red]bold[/red] ]]> </script>" in page.text
    assert not re.search(r"[\x00-\x08\x0b\x0e-\x1f\x7f\u202e]", html)


def test_the_chart_data_cannot_leave_its_element_and_reads_back_unchanged() -> None:
    block = data_block({"name": HOSTILE})
    assert not re.search("[<>&]", block)
    assert json.loads(block) == {"name": HOSTILE}


def test_the_verdict_comes_first_then_failures_then_scenarios_then_the_environment() -> None:
    text = page_of(violated()).text
    places = [text.index(part) for part in ("Do not ship", "What failed", "Scenarios", "Environment, versions")]
    assert places == sorted(places)


def test_a_failure_shows_its_meaning_its_rows_and_its_replay() -> None:
    text = page_of(violated()).text
    assert TEXTS["oversold"].means in text
    assert "2026-03-01 12:00:09+00:00" in text
    assert "The first 10 of 31" in text
    assert REPLAY in text


def test_the_chart_is_there_without_scripts() -> None:
    page = page_of(slow())
    paths = [a for tag, a in page.elements if tag == "path" and (a.get("class") or "").startswith("line")]
    assert [a["class"] for a in paths] == ["line p50_ms", "line p95_ms", "line p99_ms", "line max_ms"]
    # The stall between 28 s and 31 s lifts the pen.
    assert (paths[0]["d"] or "").count("M") == 2


def test_missing_texts_and_an_empty_run_still_give_a_page() -> None:
    assert "No verdict" in as_html(crashed_early(), {})
    assert "oversold" in as_html(violated(), {})


def test_policy_relaxations_and_gaps_are_shown() -> None:
    text = page_of(passing()).text
    assert "Relaxed or waived" in text
    assert "What was not exercised or not observed" in text
    assert "no bad order was sent" in text
    assert "None" not in text.replace("None of this", "")


def test_the_report_is_written_when_the_run_is_over(tmp_path: Path) -> None:
    HtmlReport(TEXTS).on(RunFinished(tmp_path / "new", passing()))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["report.html"]
