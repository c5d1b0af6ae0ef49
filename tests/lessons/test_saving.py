"""Classes of a notebook's cells become a file."""

import subprocess
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

from ablykit.lessons.saving import save

CELLS = (
    "import asyncio\nimport json as j\nfrom itertools import count\nfrom urllib.parse import urlencode",
    """class Sum:
    \"\"\"Adds.\"\"\"

    def __init__(self, *numbers):
        self.numbers, self.serials = numbers, count()

    def total(self):
        return -1""",
    """async def total(self):
    # A comment that stays.
    await asyncio.sleep(0)
    return sum([number for number in self.numbers if j.dumps(number)])

Sum.total = total""",
    """class Double(Sum):
    def url(self):
        return urlencode({"a": "b&c"})""",
)


@pytest.fixture
def cells():
    """The names that a notebook with these cells has."""
    shell = InteractiveShell()
    for cell in CELLS:
        shell.run_cell(cell, store_history=True).raise_error()
    return shell.user_ns


def test_a_class_is_saved_as_its_cells_have_it(cells, tmp_path):
    path = tmp_path / "sums.py"
    assert save(path, cells["Sum"], cells["Double"]) == f"Saved 21 lines to {path}."
    assert path.read_text().splitlines() == [
        "import asyncio",
        "import json as j",
        "from itertools import count",
        "from urllib.parse import urlencode",
        "", "",
        "class Sum:",
        '    """Adds."""',
        "",
        "    def __init__(self, *numbers):",
        "        self.numbers, self.serials = numbers, count()",
        "",
        "    async def total(self):",
        "        # A comment that stays.",
        "        await asyncio.sleep(0)",
        "        return sum([number for number in self.numbers if j.dumps(number)])",
        "", "",
        "class Double(Sum):",
        "    def url(self):",
        '        return urlencode({"a": "b&c"})',
    ]  # fmt: skip


def test_the_file_works_by_itself(cells, tmp_path):
    save(tmp_path / "sums.py", cells["Sum"], cells["Double"])
    program = "import asyncio, sums; d = sums.Double(1, 2); print(asyncio.run(d.total()), d.url())"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "3 a=b%26c\n"


class Empty: ...


def test_a_class_without_methods_is_one_too(tmp_path):
    save(tmp_path / "empty.py", Empty)
    assert (tmp_path / "empty.py").read_text() == "class Empty:\n    pass\n"


@pytest.mark.parametrize("wrong", [None, 3, Empty()])
def test_what_is_no_class_is_refused(wrong, tmp_path):
    with pytest.raises(TypeError, match="is not a class"):
        save(tmp_path / "no.py", wrong)
    assert not (tmp_path / "no.py").exists()


def test_a_class_whose_cells_are_gone_is_refused(tmp_path):
    names = {}
    exec("class Gone:\n    def method(self): ...", names)
    with pytest.raises(ValueError, match="Run the cells that define it"):
        save(tmp_path / "no.py", names["Gone"])
