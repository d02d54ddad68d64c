"""The walls between the rooms (docs/design.md), read from the imports in the source."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = {"flows", "tasks", "passk", "reports"}


def imports(folder: str) -> dict[Path, set[str]]:
    """File -> the modules that it imports, wherever in the file."""
    found = {}
    for file in sorted((ROOT / folder).rglob("*.py")):
        modules = set()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module)
                modules |= {f"{node.module}.{alias.name}" for alias in node.names}
        found[file] = modules
    assert found
    return found


def rooms(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def test_passk_knows_nothing_of_ours_outside_itself_but_what_its_command_line_calls():
    for file, modules in imports("passk").items():
        allowed = {"passk"} | ({"flows", "reports"} if file.parent.name == "cli" else set())
        assert rooms(modules) & OURS <= allowed, file


def test_tasks_know_no_flow():
    for file, modules in imports("tasks").items():
        assert "flows" not in rooms(modules), file


def test_reports_know_the_store_and_pure_rooms_of_passk_alone():
    for file, modules in imports("reports").items():
        assert rooms(modules) & OURS <= {"reports", "passk"}, file
        ours = {module for module in modules if module.startswith("passk.")}
        figures = tuple(f"passk.statistics.{name}" for name in ("pass_at_k", "bootstrap", "paired", "seeds", "nested"))
        pure = (
            *figures,
            "passk.store",
            "passk.base.errors",
            "passk.files.layout",
            "passk.experiment.k_schedule",
            "passk.base.redact",
            "passk.verifiers",
        )
        assert all(module.startswith(pure) for module in ours), file


def test_only_flows_and_tasks_know_prefect():
    for folder in ("passk", "reports"):
        for file, modules in imports(folder).items():
            assert "prefect" not in rooms(modules), file


def test_only_the_store_opens_the_database():
    for folder in ("passk", "reports", "flows", "tasks"):
        for file, modules in imports(folder).items():
            assert file.parent.name == "store" or "duckdb" not in rooms(modules), file


def test_flows_define_no_task_and_tasks_no_flow():
    for file in (ROOT / "flows").glob("*.py"):
        assert "@task" not in file.read_text()
    for file in (ROOT / "tasks").glob("*.py"):
        assert "@flow" not in file.read_text()
