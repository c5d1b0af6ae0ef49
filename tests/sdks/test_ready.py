"""The clients that are ready, by name."""

import shutil

import pytest

from ablykit import sdks
from ablykit.judge.judging import starting
from ablykit.sdks import READY
from tests.conftest import needs


def test_a_name_that_is_not_ready_is_answered_with_those_that_are():
    with pytest.raises(ValueError, match="'ably-go' that is ready; there are ablykit, ably-python, ably-js"):
        starting("ably-go").__enter__()


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch, tmp_path):
    monkeypatch.setattr(sdks, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install ably"):
        READY["ably-python"]()
    needs("node", shutil.which("node"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=f"{tmp_path}.*npm install ably"):
        READY["ably-js"]()


def test_without_node_it_says_where_to_get_it(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ValueError, match="Node is not installed"):
        READY["ably-js"]()


def test_each_has_a_place_in_the_documentation():
    from tests.notebook import ROOT

    page = (ROOT / "docs" / "judge.md").read_text()
    assert all(f"| `{name}` |" in page for name in READY)
