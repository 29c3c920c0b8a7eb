from doorbuster.judge.checks import standard_checks

from tests.docs import checks


def test_the_page_of_the_checks_says_what_their_files_say() -> None:
    assert checks.PAGE.read_text() == checks.page(), "run 'make reference'"


def test_it_has_every_check_with_its_argument() -> None:
    page = checks.page()
    assert all(check.sound in page and check.exercised_by in page for check in standard_checks().values())
