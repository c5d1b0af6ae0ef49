"""How much of each module its own tests cover: those of the test module of the same name.

    python -m tests.own_coverage [server ...]

prints a line for each module below 95 %, with the lines that are missing, and ends with 1 if there is one. A
module's tests are `tests/PACKAGE/test_NAME.py`, and `test_NAME_more.py` beside it.
"""

import io
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).parent.parent
ENOUGH = 95.0


def modules(*packages: str) -> list[Path]:
    """The modules of these packages, or all; those that only gather names of others are left out."""
    found = [
        path
        for path in sorted((ROOT / "ablykit").rglob("*.py"))
        if path.name not in ("__init__.py", "__main__.py")
    ]
    inside = [path.relative_to(ROOT / "ablykit") for path in found]
    return [path for path in inside if not packages or str(path.parent) in packages]


def tests_of(module: Path) -> list[Path]:
    """The test modules of a module."""
    return sorted((ROOT / "tests" / module.parent).glob(f"test_{module.stem}.py"))


def measure(module: Path) -> tuple[Path, float, str]:
    """How many percent of a module its own tests cover, and which lines are missing."""
    tests = tests_of(module)
    if not tests:
        return module, 0.0, "it has no tests of its own"
    with tempfile.NamedTemporaryFile(suffix=".coverage") as data:
        subprocess.run(
            [sys.executable, "-m", "coverage", "run", f"--data-file={data.name}", f"--include={ROOT}/ablykit/{module}",
             "--concurrency=thread", "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *map(str, tests)],
            cwd=ROOT, capture_output=True, check=False,
        )  # fmt: skip
        measured = Coverage(data_file=data.name)
        measured.load()
        report = io.StringIO()
        try:
            percent = measured.report(include=[f"{ROOT}/ablykit/{module}"], file=report, show_missing=True)
        except Exception as error:
            return module, 0.0, str(error)
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
