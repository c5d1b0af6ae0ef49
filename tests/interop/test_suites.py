"""The suites that Ably's SDKs have of their own pass, but for what is listed; see `suites.py`."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import needs
from tests.interop.suites import LONGEST, PAGE, RUNS, SUITES, Results, checkout_of, mocha, page, run, said

REPORT = """<testsuites><testsuite>
<testcase name="realtime/auth connects" classname="connects"/>
<testcase name="test_time[1]" classname="test.rest.Time"/>
<testcase name="closes" classname="realtime/auth"><failure/></testcase>
<testcase name="closes" classname="realtime/auth"/>
<testcase name="test_push" classname="test.rest.Push"><skipped/></testcase>
<testcase name="test_setup" classname="test.rest.Push"><error/></testcase>
</testsuite></testsuites>"""


@pytest.mark.slow
@pytest.mark.timeout(LONGEST + 300)
@pytest.mark.parametrize("name", SUITES)
def test_a_suite_passes_but_for_what_is_listed(name, tmp_path):
    given = os.environ.get("ABLY_SUITES")
    checkout = checkout_of(name, Path(given or ""))
    if not given or not checkout.is_dir():
        pytest.skip(f"No package has this suite: set ABLY_SUITES to a folder with a checkout of {name} in it")
    needs("unshare", shutil.which("unshare"))
    _, results = run(name, checkout, tmp_path / "log")
    assert results.surprises(said()[name]["fails"]) == []
    assert len(results.passed) >= json.loads(RUNS.read_text())[name]["passed"]


def test_the_page_says_what_the_lists_and_the_last_run_say():
    assert PAGE.read_text() == page(), "run the suites again: python -m tests.interop.suites FOLDER"


def test_nothing_is_listed_without_a_reason():
    for listed in said().values():
        for why in [why for table in listed.values() for why in table.values()]:
            assert len(why) > 20
            assert why.endswith(".")


@pytest.fixture
def results(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    return Results.read(report)


def test_a_report_is_read_and_a_test_that_failed_once_has_failed(results):
    assert results.passed == {"realtime/auth connects", "test.rest.Time: test_time[1]"}
    assert results.failed == {"realtime/auth: closes", "test.rest.Push: test_setup"}
    assert results.skipped == {"test.rest.Push: test_push"}


def test_a_failure_that_is_not_listed_and_a_listed_one_that_passes_are_both_told(results):
    assert results.surprises(["realtime/auth: closes", "test.rest.Push: *"]) == []
    new, stale = results.surprises(["realtime/auth: *", "test.rest.Time: *"])
    assert new == "failed: test.rest.Push: test_setup"
    assert stale.startswith("stale: nothing that matches 'test.rest.Time: *' fails any more")


def test_files_by_pattern_and_single_tests_by_name_are_left_out(tmp_path):
    for name in ("rest/time", "rest/push_admin"):
        file = tmp_path / "test" / f"{name}.js"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    command = mocha(tmp_path, [], ["test/rest/*.js"], ["test/rest/push_*", "rest/time is (not) asked"])
    assert [each for each in command if each.endswith(".js")] == ["test/rest/time.js"]
    (grep,) = [each.removeprefix("--grep=") for each in command if each.startswith("--grep")]
    assert re.fullmatch(grep, "rest/time is (not) asked")
    assert "--invert" in command
    assert "--invert" not in mocha(tmp_path, [], ["test/rest/*.js"], ["test/rest/push_*"])
