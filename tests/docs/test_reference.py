from doorbuster.model.verdict import Verdict

from tests.docs import reference


def test_the_reference_says_what_the_code_says() -> None:
    assert reference.PAGE.read_text() == reference.page(), "run 'make reference'"


def test_it_has_every_exit_code_command_and_check() -> None:
    from doorbuster.cli import COMMANDS
    from doorbuster.judge.checks import standard_checks

    page = reference.page()
    assert all(f"### `doorbuster {name} " in page for name in COMMANDS)
    assert all(f"| `{name}` |" in page for name in standard_checks())
    assert set(reference.VERDICTS) == set(Verdict)
    assert "fixture `place_order`" in page
