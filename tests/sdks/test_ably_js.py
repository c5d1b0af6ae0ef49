"""Ably's SDK for JavaScript, judged."""

import shutil

import pytest

from tests.conftest import needs
from tests.node import install
from tests.sdks.judged import keeps_its_rules, passes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    needs("node", shutil.which("node"))
    return install(tmp_path_factory.mktemp("ably-js"), "ably@2")


@pytest.fixture(autouse=True)
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)


@pytest.mark.parametrize("workload", ["messages", "presence", "tokens"])
def test_it_loses_nothing_on_a_calm_line(workload):
    passes("ably-js", workload)


def test_it_keeps_every_rule_that_it_claims_to():
    keeps_its_rules("ably-js")
