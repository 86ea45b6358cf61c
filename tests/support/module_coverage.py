"""Asks 100 %% branch coverage of the core's modules, each by its own test files, in the run that runs the tests anyway.

A pytest plugin, active with `--module-coverage`. A module that only other modules' tests happen to cover is not
tested; one that cannot be tested alone is cut wrong. What a module does while it is imported counts for everybody.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

ROOT = Path(__file__).parents[2]
WITHOUT_BEHAVIOUR = {"__init__", "events", "effects"}
"""Modules of `bot/interpreting` that are a docstring, or dataclasses that are nothing but fields."""
OF_CALLS = (
    "call",
    "call_connection",
    "call_media",
    "state_machine",
    "media_recovery",
    "replicas/reconciler",
    "replicas/registry",
)
"""Modules of `bot/calls` that decide how calls are joined, recovered and taken over."""


def measured_modules() -> list[Path]:
    """List the modules of which 100 % is asked, relative to the root."""
    interpreting = sorted((ROOT / "bot/interpreting").rglob("*.py"))
    found = [module for module in interpreting if module.stem not in WITHOUT_BEHAVIOUR]
    found += [ROOT / "media_streaming/messages.py", ROOT / "webhooks/events.py"]
    found += [ROOT / "bot/calls" / f"{name}.py" for name in OF_CALLS]
    return [module.relative_to(ROOT) for module in found]


def own_tests(module: Path) -> str:
    """Return a pattern of the test files of a module: `test_floor.py`, `test_floor_of_two.py`."""
    folder = re.escape(str(Path("tests", module.parent)))
    return rf"^{folder}/test_{re.escape(module.stem)}(_\w+)?\.py$"


class ModuleCoverage:
    """Measures, in one process, each module while its own tests run, and all of them while they are imported.

    Only what is asked for is traced: all modules under all tests would take three times as long.
    """

    def __init__(self, folder: Path, process: str) -> None:
        self._folder = folder
        self._process = process
        self._modules = [(re.compile(own_tests(module)), module) for module in measured_modules()]
        self._running: coverage.Coverage | None = None
        self._count = 0
        self._file = Path()

    def start(self, modules: list[Path]) -> None:
        """Measure these modules from now on. For imports it must come before the product is imported."""
        self._count += 1
        self._running = coverage.Coverage(
            data_file=str(self._folder / f"coverage.{self._process}.{self._count}"),
            branch=True,
            include=[str(module) for module in modules],
            config_file=str(ROOT / "pyproject.toml"),
        )
        self._running.set_option("run:disable_warnings", ["no-data-collected"])  # the verdict says so
        self._running.start()

    def stop(self) -> None:
        if self._running is not None:
            self._running.stop()
            self._running.save()
            self._running = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        if item.path != self._file:
            self._file = item.path
            self.stop()
            name = str(item.path.relative_to(ROOT)) if item.path.is_relative_to(ROOT) else ""
            if modules := [module for pattern, module in self._modules if pattern.match(name)]:
                self.start(modules)
        return (yield)

    def pytest_sessionfinish(self) -> None:
        self.stop()


class CoverageVerdict:
    """Fails the session, in the process that reports, if a module is not wholly covered by its own tests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._report: list[str] = []

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if session.exitstatus != pytest.ExitCode.OK:
            return
        found = coverage.Coverage(
            data_file=str(self._folder / "coverage"), branch=True, config_file=str(ROOT / "pyproject.toml")
        )
        found.combine([str(path) for path in self._folder.glob("coverage.*")])
        modules = measured_modules()
        missing = {module: report for module in modules if (report := _missing(found, module))}
        for module, report in missing.items():
            self._report.append(f"{module}: {report}")
        verdict = f"{len(missing)} not complete" if missing else "all complete"
        self._report.append(f"branch coverage of {len(modules)} modules, each by its own tests: {verdict}")
        if missing:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for line in self._report:
            terminalreporter.write_line(line)


def _missing(found: coverage.Coverage, module: Path) -> str:
    """Return the lines and branches that a module's own tests leave out; empty if none."""
    output = io.StringIO()
    try:
        percent = found.report(
            morfs=[str(ROOT / module)],
            file=output,
            show_missing=True,
            skip_covered=False,
        )
    except coverage.exceptions.NoDataError:
        return f"no test of {own_tests(module)} touches it"
    if percent == 100.0:
        return ""
    row = next(line for line in output.getvalue().splitlines() if line.startswith(str(module)))
    return f"{percent:.1f} %, missing {row.split('%', 1)[1].strip()}"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--module-coverage", action="store_true", help="ask 100 %% branch coverage of the core's modules")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("--module-coverage"):
        return
    worker = getattr(config, "workerinput", None)
    if worker is None:
        folder = Path(tempfile.mkdtemp(prefix="module-coverage-"))
        config.stash[FOLDER] = folder
        config.pluginmanager.register(CoverageVerdict(folder), "coverage verdict")
        if config.getoption("numprocesses", default=None):
            return  # the workers measure
        process = "only"
    else:
        folder, process = Path(worker["coverage_folder"]), worker["workerid"]
    measuring = ModuleCoverage(folder, process)
    measuring.start(measured_modules())
    config.pluginmanager.register(measuring, "module coverage")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell an xdist worker where the data goes."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]  # xdist ships no types
    if config.getoption("--module-coverage"):
        node.workerinput["coverage_folder"] = str(config.stash[FOLDER])  # type: ignore[attr-defined]  # as above


FOLDER = pytest.StashKey[Path]()
