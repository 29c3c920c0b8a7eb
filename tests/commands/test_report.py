from pathlib import Path

from click.testing import CliRunner
from doorbuster.commands.report import command
from doorbuster.report.result_json import as_json

from tests.report import samples


def test_reports_are_drawn_from_the_stored_result_and_the_exit_code_stays(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "result.json").write_text(as_json(samples.violated()))
    done = CliRunner().invoke(command, [str(folder), "--junit", str(tmp_path / "copy.xml")])
    assert done.exit_code == 1
    assert "Do not ship" in done.output
    assert (folder / "junit.xml").read_text() == (tmp_path / "copy.xml").read_text()
    assert (folder / "report.html").exists()
    assert (tmp_path / "index.html").exists()


def test_a_folder_without_a_result_is_an_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, [str(tmp_path)])
    assert done.exit_code == 3
