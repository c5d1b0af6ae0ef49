"""The test suites that Ably's SDKs have of their own, run from a checkout of each against an embedded Ably.

    python -m tests.interop.suites FOLDER

runs those that are in `FOLDER`, below `ably-js` (which has two) and `ably-python`, compares the results with `suites.toml`, keeps the
numbers in `suites.json`, and writes `docs/fidelity.md` from both. The exit code is 1 if the results differ from what
`suites.toml` says. No package of the newest releases has their tests, so a checkout is needed; the SDKs themselves
are installed as published, in the version of the checkout.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from xml.etree import ElementTree

from tests.node import install
from tests.notebook import ROOT

HERE = Path(__file__).parent
SAID = HERE / "suites.toml"
RUNS = HERE / "suites.json"
PAGE = ROOT / "docs" / "fidelity.md"
LONGEST = 1_500
"""How long a suite may take, in seconds."""

REPORT = "report.xml"

NEEDS = (
    *("@ably/vcdiff-decoder", "chai", "jmespath", "mocha", "mocha-junit-reporter"),
    *("source-map-support", "tsx", "typescript"),
)
"""What the JavaScript suites are made with, in the versions their `package.json` has for it."""


@dataclass(frozen=True)
class Results:
    """What came of each test of a run, by name."""

    passed: frozenset[str]
    failed: frozenset[str]
    skipped: frozenset[str]

    @classmethod
    def read(cls, file: Path) -> "Results":
        """Read a report in JUnit's format. A test that both passed and failed, as in a hook, has failed."""
        found: dict[str, set[str]] = {"passed": set(), "failed": set(), "skipped": set()}
        for case in ElementTree.parse(file).iter("testcase"):
            outcome = "passed"
            if case.find("skipped") is not None:
                outcome = "skipped"
            if case.find("failure") is not None or case.find("error") is not None:
                outcome = "failed"
            found[outcome].add(_name(case))
        failed = frozenset(found["failed"])
        return cls(frozenset(found["passed"]) - failed, failed, frozenset(found["skipped"]) - failed)

    def surprises(self, expected: Iterable[str]) -> list[str]:
        """Say where the results differ from the list of patterns of tests that are `expected` to fail."""
        patterns = list(expected)
        new = [name for name in sorted(self.failed) if not any(fnmatchcase(name, each) for each in patterns)]
        stale = [each for each in patterns if not any(fnmatchcase(name, each) for name in self.failed)]
        return [f"failed: {name}" for name in new] + [
            f"stale: nothing that matches {each!r} fails any more; take it off the list" for each in stale
        ]


def _name(case: ElementTree.Element) -> str:
    name, suite = case.get("name", ""), case.get("classname", "")
    return name if suite in name else f"{suite}: {name}"


def said() -> dict[str, dict[str, dict[str, str]]]:
    """Return what `suites.toml` says of each suite."""
    return tomllib.loads(SAID.read_text())


def javascript(checkout: Path, place: Path, left_out: Collection[str]) -> tuple[str, list[str], Path]:
    """Make ready the suite of ably-js; return the SDK's version, the command, and where its report will be."""
    version = _published(checkout, place, "async@2")
    helpers = (
        "source-map-support/register",
        "./test/support/modules_helper.js",
        "./test/support/test_helper.js",
    )
    options = ["--file", "test/support/root_hooks.js", *(f"--require={each}" for each in helpers)]
    files = [f"test/{kind}/*.test.js" for kind in ("realtime", "rest", "unit")]
    return version, mocha(place, options, files, left_out), place / REPORT


def universal(checkout: Path, place: Path, left_out: Collection[str]) -> tuple[str, list[str], Path]:
    """Make ready the newer suite of ably-js, written after Ably's specification: what of it needs a server."""
    version = _published(checkout, place)
    shutil.copy(checkout / "tsconfig.json", place)
    files = ["test/uts/**/integration/**/*.test.ts"]
    return version, mocha(place, ["--require=tsx/cjs"], files, left_out), place / REPORT


def _published(checkout: Path, place: Path, *more: str) -> str:
    """Install ably-js, put its files where its tests look for them, beside themselves; return its version."""
    package = json.loads((checkout / "package.json").read_text())
    versions = package["devDependencies"]
    install(place, f"ably@{package['version']}", *more, *(f"{each}@{versions[each]}" for each in NEEDS))
    shutil.copytree(place / "node_modules" / "ably", place, dirs_exist_ok=True)
    shutil.copytree(checkout / "test", place / "test")
    return package["version"]


def mocha(place: Path, options: list[str], patterns: list[str], left_out: Collection[str]) -> list[str]:
    """Return the command that runs the files of some patterns, but for the files and tests left out."""
    found = [str(file.relative_to(place)) for each in patterns for file in sorted(place.glob(each))]
    files = [file for file in found if not any(fnmatchcase(file, each) for each in left_out)]
    single = "|".join(re.escape(each) for each in left_out if not each.startswith("test/"))
    command = ["node", "node_modules/mocha/bin/mocha", "--no-config", "--exit", *options]
    command += [
        "--reporter=mocha-junit-reporter",
        f"--reporter-options=mochaFile={place / REPORT},includePending=true",
    ]
    return command + (["--invert", f"--grep=^({single})$"] if single else []) + files


def python(checkout: Path, place: Path, left_out: Collection[str]) -> tuple[str, list[str], Path]:
    """Make ready the suite of ably-python; return the SDK's version, the command, and where its report will be."""
    version = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]["version"]
    own = place / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(place / "venv")], check=True)
    needed = f"ably[crypto,dev,vcdiff]=={version}"
    subprocess.run([str(own), "-m", "pip", "-q", "install", needed], check=True, timeout=300)
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(checkout / name, place)
    for folder in ("test", "submodules"):
        shutil.copytree(checkout / folder, place / folder)
    report = place / REPORT
    command = [
        str(own),
        "-m",
        "pytest",
        "-q",
        "--tb=native",
        "-p",
        "no:cacheprovider",
        f"--junitxml={report}",
        "test",
    ]
    return version, command + [f"--deselect={each}" for each in left_out], report


SUITES = {"ably-js": javascript, "ably-js-uts": universal, "ably-python": python}
"""How each suite is made ready, by its name."""


def checkout_of(name: str, folder: Path) -> Path:
    """Return where in a folder the checkout with a suite is: ably-js has two."""
    return folder / name.removesuffix("-uts")


def run(name: str, checkout: Path, log: Path) -> tuple[str, Results]:
    """Run a suite with no Ably but an embedded one; return the SDK's version and what came of each test.

    What it prints goes to `log`. Raises `LookupError` where the suite made no report.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        version, command, report = SUITES[name](checkout, place, said()[name]["left_out"])
        offline = [
            "unshare",
            "--map-root-user",
            "--mount",
            "--net",
            sys.executable,
            "-m",
            "tests.interop.offline",
        ]
        inside = ["env", "-C", str(place), "-u", "PYTHONPATH", *command]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "ABLY_TEST_TRANSPORTS": "web_socket"}
        with log.open("w") as output:
            subprocess.run([*offline, *inside], cwd=ROOT, env=environment, stdout=output, stderr=output,
                           timeout=LONGEST, check=False)  # fmt: skip
        if not report.exists():
            raise LookupError(f"{name} made no report; it said: {log.read_text()[-2000:]}")
        return version, Results.read(report)


HEAD = """# How closely the embedded Ably matches the real one

Each of Ably's SDKs has a test suite, which Ably runs against its own sandbox. Here, those suites run unchanged against the embedded Ably,
without a network. A hosts file sends the sandbox's host name to the embedded Ably. Stand-ins replace Ably's echo service and
connectivity check (`tests/interop/echo_service.py`) and Ably's proxy, which causes faults (`tests/interop/fault_proxy.py`). The SDKs
themselves come from npm and PyPI.

| suite | release | passed | failed | skipped by the suite |
|---|---|---|---|---|
{rows}

ably-js has two suites. `ably-js-uts` is the newer one and follows Ably's Universal Test Specification. Only those of its tests that need a
server run here.

## Run them yourself

The published packages of these releases don't contain the tests, so you need a checkout of each release's tag, with its submodule. Put
both checkouts into one folder, as `ably-js` and `ably-python`, and run:

```bash
python -m tests.interop.suites FOLDER
```

You need npm and `unshare` (from util-linux). The run takes about {minutes} minutes and rewrites this page.

To run the suites as a test, set `ABLY_SUITES=FOLDER` and run `pytest tests/interop/test_suites.py`. Without `ABLY_SUITES`, that test is
skipped. The package of ably-python 1.1.1 does contain its test suite, which runs with all other tests (`tests/interop/test_own_suite.py`).
"""


def page() -> str:
    """Return the page, whole."""
    runs = json.loads(RUNS.read_text())
    rows = "\n".join(
        f"| {name} | {each['version']} | {each['passed']} | {each['failed']} | {each['skipped']} |"
        for name, each in runs.items()
    )
    parts = [HEAD.format(rows=rows, minutes=sum(each["minutes"] for each in runs.values()))]
    for name, listed in said().items():
        parts.append(f"\n## Tests of {name} that are left out\n\n| tests | why |\n|---|---|\n")
        parts += [
            f"| `{tests}` | {why} |\n" for tests, why in {**listed["left_out"], **listed["not_here"]}.items()
        ]
        if fails := listed["fails"]:
            parts.append(f"\n## Tests of {name} that fail\n\n| test | why |\n|---|---|\n")
            parts += [f"| `{test}` | {why} |\n" for test, why in fails.items()]
    return "".join(parts)


def main(folder: Path) -> int:
    """Run the suites that are in a folder, and write down what came of them; return the exit code."""
    runs = json.loads(RUNS.read_text()) if RUNS.exists() else {}
    different = False
    for name in SUITES:
        checkout = checkout_of(name, folder)
        if not checkout.is_dir():
            print(f"{name}: there is no {checkout}, left out")
            continue
        log = Path(tempfile.gettempdir()) / f"{name}.log"
        began = time.monotonic()
        version, results = run(name, checkout, log)
        minutes = round((time.monotonic() - began) / 60)
        counts = {kind: len(getattr(results, kind)) for kind in ("passed", "failed", "skipped")}
        runs[name] = {"version": version, **counts, "minutes": minutes}
        print(f"{name} {version}: {counts} in {minutes} min; what it printed is in {log}")
        for surprise in results.surprises(said()[name]["fails"]):
            different = True
            print(f"  {surprise}")
    RUNS.write_text(json.dumps(runs, indent=2) + "\n")
    PAGE.write_text(page())
    return int(different)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
