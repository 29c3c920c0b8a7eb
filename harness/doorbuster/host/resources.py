"""Where the files that travel with the package are: ``sql/``, ``scenarios/``, ``reports/{templates,assets}``."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def resource(relative: str) -> Path:
    """The path of a packaged file or folder, such as ``sql/schema.sql``.

    In a checkout these lie at its top level, where people look for them; in an installed wheel in ``_data``.

    Raises:
        FileNotFoundError: no such resource; the installation is damaged.
    """
    for root in (_PACKAGE / "_data", _PACKAGE.parent.parent):
        if (root / relative).exists():
            return root / relative
    raise FileNotFoundError(f"doorbuster's own file {relative!r} is missing; reinstall the package")
