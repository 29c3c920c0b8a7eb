"""The wheel, built from the sdist, installed where nothing of the checkout can help it.

Dependencies are this environment's, appended to the path of the new one, so that the test needs no network; the
checkout's own import path is not among them.
"""

import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.integration.conftest import finished

ROOT = Path(__file__).parents[2]
CARRIED = (
    "sql/schema.sql",
    "sql/create_order_with_inventory.sql",
    "sql/screen.sql",
    "sql/views.sql",
    "sql/checks/oversold.sql",
    "scenarios/typical_order.toml",
    "scenarios/contracts/create_order_with_inventory.toml",
    "scenarios/locustfile.py",
    "reports/templates/report.html.j2",
    "reports/assets/report.css",
)


def quietly(*command: object, cwd: Path) -> str:
    """Runs a command outside the checkout; its output, also in the failure's message."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel made from it."""
    folder = tmp_path_factory.mktemp("dist")
    quietly(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def environment(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel in it."""
    home = tmp_path_factory.mktemp("venv")
    quietly(sys.executable, "-m", "venv", home, cwd=built)
    quietly(home / "bin/pip", "install", "--no-deps", "--no-index", next(built.glob("*.whl")), cwd=built)
    (site_packages(home) / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return home


def site_packages(home: Path) -> Path:
    return next(home.glob("lib/python*/site-packages"))


def test_wheel_and_sdist_carry_their_data_and_the_wheel_nothing_else(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    assert [name for name in CARRIED if f"doorbuster/_data/{name}" not in names] == []
    assert {name.split("/")[0].split("-")[0] for name in names} == {"doorbuster"}
    assert not [name for name in names if "__pycache__" in name or name.endswith((".parquet", "result.json"))]
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        inside = {name.partition("/")[2] for name in sdist.getnames()}
    assert {*CARRIED, "LICENSE", "README.md", "pyproject.toml"} <= inside


def test_an_installed_doorbuster_runs_outside_the_checkout_and_leaves_nothing_when_it_goes(
    environment: Path, tmp_path: Path
) -> None:
    where = "import doorbuster, sys; sys.stdout.write(doorbuster.__file__)"
    assert quietly(environment / "bin/python", "-c", where, cwd=tmp_path).startswith(str(environment))
    command = [str(environment / "bin/doorbuster"), "run", "last_item"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
    run = finished(done.returncode, done.stdout + done.stderr, tmp_path / "reports")
    assert run.exit_code == 0, run.output
    assert run.folder is not None
    assert (run.folder / "report.html").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["reports"]

    quietly(environment / "bin/pip", "uninstall", "--yes", "doorbuster", cwd=tmp_path)
    left = [path for path in environment.rglob("*doorbuster*") if path.is_file()]
    assert left == []
    assert not (site_packages(environment) / "doorbuster").exists()
