"""The rules of conftest.py do bite: a test that breaks one fails."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

LEAK = """
import asyncio

async def test_leaves_a_task():
    asyncio.get_running_loop().create_task(asyncio.sleep(5), name="left behind")
"""

BLOCK = """
import time
import media_streaming.audio

async def test_blocks():
    exec(compile("import time; time.sleep(0.01)", media_streaming.audio.__file__, "exec"))
"""

WARN = """
import warnings

def test_warns():
    warnings.warn("something")
"""


@pytest.mark.parametrize(
    ("source", "outcome", "words"),
    [
        (LEAK, {"passed": 1, "errors": 1}, "tasks left running: ['left behind']"),
        (BLOCK, {"failed": 1}, "Blocking call to time.sleep"),
        (WARN, {"failed": 1}, "UserWarning: something"),
    ],
    ids=["leaked task", "blocking call", "warning"],
)
def test_a_broken_rule_fails_the_test(
    pytester: pytest.Pytester, pytestconfig: pytest.Config, source: str, outcome: dict[str, int], words: str
) -> None:
    root = pytestconfig.rootpath
    pytester.makeconftest((root / "tests" / "conftest.py").read_text())
    settings = (root / "pyproject.toml").read_text()
    settings = settings.replace('pythonpath = ["."]', f"pythonpath = ['{root}']").replace('["tests"]', '["."]')
    pytester.makepyprojecttoml(settings)
    pytester.makepyfile(source)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(**outcome)
    assert words in result.stdout.str()


def test_files_that_are_named_exist(pytestconfig: pytest.Config) -> None:
    rules = pytestconfig.pluginmanager.get_plugin(str(pytestconfig.rootpath / "tests" / "conftest.py"))
    assert rules is not None
    assert [name for name in (*rules.ON_THE_LINE, *rules.LONGEST_FIRST) if not (rules.ROOT / name).exists()] == []
