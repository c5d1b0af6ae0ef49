"""The test suite that Ably's Python SDK has of its own, as far as a package of it has one: release 1.1.1."""

import os
import re
import subprocess
import sys
import tarfile

import pytest

from tests.notebook import ROOT

pytestmark = pytest.mark.timeout(240)

NEEDS = ("mock", "responses<1", "methoddispatch", "msgpack", "pycryptodome", "requests", "six", "setuptools")
"""What the SDK of then and its suite are made with."""

NOT_ASKED = {
    "TestPush": "push notifications are not served",
    "Fixture": "its file is not in the package",
    "test_timeout": "on a loopback an answer comes within the shortest wait there is",
    "test_interoperability": "its file is not in the package",
    "test_token_request_dict_can_be_used_to_get_a_token": "the SDK changes a dict while it walks it",
    "test_token_request_from_json": "the SDK changes a dict while it walks it",
}


def pip(*arguments):
    subprocess.run(
        [sys.executable, "-m", "pip", "-q", *arguments], check=True, timeout=180, capture_output=True
    )


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """The folder of the suite, with what it needs below it."""
    place = tmp_path_factory.mktemp("suite")
    pip("download", "--no-deps", "--no-binary", "ably", "ably==1.1.1", "-d", str(place))
    (package,) = place.glob("*.tar.gz")
    with tarfile.open(package) as archive:
        archive.extractall(place, filter="data")
    folder = place / "ably-1.1.1"
    pip("install", "--target", str(folder / "needs"), *NEEDS)
    return folder


def test_it_passes_unchanged(suite, local):
    ably = local(sandbox=True, allow_hosts=[".ably.io", ".ably-realtime.com"])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "tests.interop.redirect", "-p", "no:nbval",
         "-p", "no:cacheprovider", "-k", " and ".join(f"not {name}" for name in NOT_ASKED), "test/ably"],
        cwd=suite, capture_output=True, text=True, timeout=200, check=False,
        env=os.environ | {
            "PYTHONPATH": f"{suite / 'needs'}{os.pathsep}{ROOT}",
            "SSL_CERT_FILE": ably.ca_file,
            "ABLYKIT_PORT": str(ably.port),
            "ABLYKIT_TLS_PORT": str(ably.tls_port),
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 350
