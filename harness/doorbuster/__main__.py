"""``python -m doorbuster``."""

from doorbuster.cli import main

main()
