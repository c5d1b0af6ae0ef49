"""Programs from npm, installed into a folder for the tests that need them."""

import json
import shutil
import subprocess
from pathlib import Path

from tests.conftest import needs
from tests.notebook import ROOT


def install(place: Path, *packages: str) -> Path:
    """Install packages, or without any what package.json names; tells the folder."""
    npm = needs("npm", shutil.which("npm"))
    if not packages:
        shutil.copy(ROOT / "package.json", place)
    subprocess.run(
        [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(place), *packages],
        check=True,
        timeout=120,
    )
    return place


def version_range(package: str) -> str:
    """A package of package.json, as npm takes it."""
    return f"{package}@{json.loads((ROOT / 'package.json').read_text())['devDependencies'][package]}"
