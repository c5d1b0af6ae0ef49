"""How much of each module its own tests cover: those of the test module of the same name.

    python -m tests.own_coverage [server ...]

prints a line for each module below 95 %, with the lines that are missing, and ends with 1 if there is one. A
module's tests are `tests/PACKAGE/test_NAME.py`, programs that they start included.
"""

import io
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from coverage import Coverage
from coverage.exceptions import NoDataError

ROOT = Path(__file__).parent.parent
ENOUGH = 95.0
UNMEASURED = ("deadline.py",)
"""It ends threads by an exception from outside, which the tracer that measures swallows."""


def modules(*packages: str) -> list[Path]:
    """The modules of these packages, or all; those that only gather names of others are left out."""
    found = [
        path
        for path in sorted((ROOT / "ablykit").rglob("*.py"))
        if path.name not in ("__init__.py", "__main__.py", *UNMEASURED)
    ]
    inside = [path.relative_to(ROOT / "ablykit") for path in found]
    return [path for path in inside if not packages or str(path.parent) in packages]


def measure(module: Path) -> tuple[Path, float, str]:
    """How many percent of a module its own tests cover, and which lines are missing."""
    tests = ROOT / "tests" / module.with_name(f"test_{module.name}")
    if not tests.exists():
        return module, 0.0, "it has no tests of its own"
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "coveragerc"
        config.write_text(
            f"[run]\ndata_file={folder}/data\ninclude={ROOT}/ablykit/{module}\npatch=subprocess\nconcurrency=thread\nsigterm=true\n"
        )
        subprocess.run(
            [sys.executable, "-m", "coverage", "run", f"--rcfile={config}",
             "-m", "pytest", "-q", "-n", "0", "-m", "slow or not slow", "-p", "no:cacheprovider", str(tests)],
            cwd=ROOT, capture_output=True, check=False, timeout=600, env=os.environ | {"PYTEST_ADDOPTS": ""},
        )  # fmt: skip
        measured = Coverage(config_file=str(config))
        report = io.StringIO()
        try:
            measured.combine()
            percent = measured.report(file=report, show_missing=True)
        except NoDataError:
            return module, 0.0, "its tests do not reach it"
    return module, percent, report.getvalue().splitlines()[2].partition("%")[2].strip()


def main(*packages: str) -> int:
    """Measure, print, and tell the exit code."""
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(measure, modules(*packages)))
    for module, percent, missing in results:
        if percent < ENOUGH:
            print(f"{percent:5.1f} %  {module}  {missing}")
    print(
        f"{sum(percent >= ENOUGH for _, percent, _ in results)} of {len(results)} modules have {ENOUGH:.0f} % or more"
    )
    return int(any(percent < ENOUGH for _, percent, _ in results))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
