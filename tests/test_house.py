"""The walls of the house (design.md 4): imports, sizes, exported names, documented commands."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "navplugin"
LONGEST_FILE = 400

LAYERS = (
    ("navplugin.core",),
    ("navplugin.rulebook.filters",),
    ("navplugin.discounts", "navplugin.mismatch"),
    ("navplugin.rulebook.facts",),
    ("navplugin.rulebook.verbs",),
    ("navplugin.rulebook",),
    ("navplugin.nav.contract", "navplugin.claims", "navplugin.openings", "navplugin.claim_view", "navplugin.cursors",
     "navplugin.reconcile",
     "navplugin.receipts.layout", "navplugin.receipts.template", "navplugin.receipts.qr", "navplugin.receipts.footer",
     "navplugin.receipts.codepage", "navplugin.receipts.paper", "navplugin.receipts.samples"),
    ("navplugin.wire", "navplugin.nav", "navplugin.loyalty", "navplugin.ledger", "navplugin.receipts",
     "navplugin.secret", "navplugin.rulefiles", "navplugin.ruletest", "navplugin.rulesheet"),
    ("navplugin.worker", "navplugin.watch", "navplugin.watchonly", "navplugin.settle", "navplugin.people",
     "navplugin.teller", "navplugin.presence", "navplugin.returns", "navplugin.audit", "navplugin.uses",
     "navplugin.lanes", "navplugin.sender", "navplugin.odd_answers", "navplugin.open_sales", "navplugin.ledger_record",
     "navplugin.take_over", "navplugin.setup_reader",
     "navplugin.signup", "navplugin.publish", "navplugin.feeds", "navplugin.doctor",
     "navplugin.shelf", "navplugin.past", "navplugin.tryout", "navplugin.replay", "navplugin.replayfile"),
    ("navplugin.site", "navplugin.simulator", "navplugin.wiring"),
    ("navplugin.demo",),
    ("navplugin.cli", "navplugin.__main__", "navplugin"),
)  # fmt: skip
"""Low to high: a module imports its own layer and those before it."""

ADAPTERS = ("navplugin.nav", "navplugin.loyalty", "navplugin.ledger", "navplugin.receipts")
PURE_LAYERS = 7
IO_MODULES = {"requests", "zeep", "sqlalchemy", "socket", "subprocess", "os", "time", "random", "urllib3", "odata"}
MAY_START_A_PROCESS = {"navplugin.rulebook.durable", "navplugin.rulebook.durable_child"}
"""The durable matcher keeps durable_rules in a child process of its own (design.md 2, decision 2)."""


def sources(folder: Path = PACKAGE) -> list[Path]:
    return sorted(p for p in folder.rglob("*.py") if "__pycache__" not in p.parts)


def module_of(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if is_module(inner) else node.module


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def layer_of(module: str) -> int:
    best = max(
        ((len(prefix), rank) for rank, names in enumerate(LAYERS) for prefix in names
         if module == prefix or module.startswith(prefix + ".")),
        default=None,
    )  # fmt: skip
    assert best is not None, f"{module} has no layer"
    return best[1]


@pytest.mark.parametrize("path", sources(), ids=module_of)
def test_imports_go_down_only(path: Path) -> None:
    module = module_of(path)
    for name in imports_of(path):
        if name.split(".")[0] == "navplugin" and name != "navplugin":
            assert layer_of(name) <= layer_of(module), f"{module} imports {name}"


@pytest.mark.parametrize("path", [p for p in sources() if layer_of(module_of(p)) < PURE_LAYERS], ids=module_of)
def test_the_pure_middle_imports_no_io(path: Path) -> None:
    if module_of(path) in MAY_START_A_PROCESS:
        return
    found = {name.split(".")[0] for name in imports_of(path)} & (IO_MODULES | {"multiprocessing"})
    assert not found, f"{module_of(path)} imports {found}"


def test_no_adapter_imports_another() -> None:
    for adapter in ADAPTERS:
        for path in sources(ROOT.joinpath(*adapter.split("."))):
            others = [n for n in imports_of(path) for o in ADAPTERS if o != adapter and f"{n}.".startswith(f"{o}.")]
            assert not others, f"{module_of(path)} imports {others}"


def test_the_simulator_never_imports_the_code_that_it_judges() -> None:
    for path in sources(PACKAGE / "simulator"):
        for name in imports_of(path):
            if name.startswith("navplugin"):
                allowed = ("navplugin.core", "navplugin.nav.contract", "navplugin.simulator")
                assert name.startswith(allowed), f"{module_of(path)} imports {name}"


def test_only_the_wiring_names_concrete_adapters() -> None:
    for path in sources():
        module = module_of(path)
        if layer_of(module) < layer_of("navplugin.worker") or module == "navplugin.wiring":
            continue
        concrete = [n for n in imports_of(path) if n.startswith(("navplugin.nav.", "navplugin.loyalty"))]
        concrete = [n for n in concrete if not n.startswith("navplugin.nav.contract")]
        assert not concrete, f"{module} imports {concrete}"


@pytest.mark.parametrize("path", [*sources(), *sources(ROOT / "tests")], ids=module_of)
def test_no_file_is_longer_than_a_person_reads_at_once(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", sources(), ids=module_of)
def test_every_public_name_says_what_it_is_for(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree) or not tree.body, f"{module_of(path)} has no docstring"
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{module_of(path)}.{node.name} has no docstring"


def test_exported_names_are_there() -> None:
    for path in sources():
        module = importlib.import_module(module_of(path)) if "__all__" in path.read_text("utf-8") else None
        for name in getattr(module, "__all__", ()):
            assert hasattr(module, name), f"{module_of(path)} exports {name}, which it does not have"


def test_every_public_name_is_used_somewhere() -> None:
    texts = {p: p.read_text("utf-8") for p in (*sources(), *sources(ROOT / "tests"))}
    words: dict[str, int] = {}
    for text in texts.values():
        for word in re.findall(r"\w+", text):
            words[word] = words.get(word, 0) + 1
    for path in sources():
        for node in ast.parse(texts[path]).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                assert words[node.name] > 1, f"{module_of(path)}.{node.name} is used nowhere"


def commands() -> set[str]:
    """Every command as it is typed, without `navplugin`."""
    import typer.main

    from navplugin.cli import build_app

    def walk(command: object, words: tuple[str, ...]) -> Iterator[str]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield " ".join(words)
        for name, one in (inner or {}).items():
            yield from walk(one, (*words, name))

    return set(walk(typer.main.get_command(build_app()), ()))


def test_every_command_stands_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    missing = {c for c in commands() if f"`navplugin {c}" not in readme}
    assert not missing


def test_the_readme_names_no_command_that_is_not_there() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    there = commands()
    for found in re.findall(r"navplugin ([a-z]+(?:-[a-z]+)*(?: [a-z]+)*)", "\n".join(re.findall(r"`[^`\n]+`", readme))):
        words = found.split()
        known = any(" ".join(words[:n]) in there for n in (1, 2))
        assert known or any(c.startswith(f"{words[0]} ") for c in there), f"README names `navplugin {found}`"


def test_every_folder_of_the_map_is_there() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    named = re.findall(r"^\| `([\w/.-]+/)`", readme, flags=re.MULTILINE)
    assert len(named) >= 6
    assert not [n for n in named if not (ROOT / n).is_dir()]


def test_the_top_level_holds_what_was_agreed() -> None:
    agreed = {"pyproject.toml", "navplugin", "rules", "receipt_templates", "tests", "README.md", "LICENSE",
              "CHANGELOG.md"}  # fmt: skip
    assert agreed <= {p.name for p in ROOT.iterdir()}
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("this folder is no git checkout, and what lies beside the agreed files may be anyone's")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    kept = {line.split("/")[0] for line in listed.stdout.splitlines()}
    assert {name for name in kept if not name.startswith(".")} == agreed


def test_the_users_libraries_are_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = {re.split(r"[<>=; \[]", d)[0].lower().replace("_", "-") for d in project["dependencies"]}
    assert {"python-odata", "zeep", "durable-rules", "requests", "qrcode", "jinja2"} <= names
    assert any(d.startswith("pytest") for d in project["optional-dependencies"]["test"])


def test_rules_and_templates_travel_in_the_wheel() -> None:
    """An installed navplugin carries the very files of this checkout."""
    from importlib import metadata

    from navplugin.site import DEFAULTS, defaults_folder

    installed = Path(str(metadata.distribution("navplugin").locate_file("navplugin"))) / DEFAULTS
    if not installed.is_dir():
        assert defaults_folder("rules") == ROOT / "rules"
        pytest.skip("navplugin is installed in editable form; the wheel's folders are compared where it is not")
    for name in ("rules", "receipt_templates"):
        ours = {p.relative_to(ROOT / name): p.read_bytes() for p in (ROOT / name).rglob("*") if p.is_file()}
        theirs = {
            p.relative_to(installed / name): p.read_bytes() for p in (installed / name).rglob("*") if p.is_file()
        }
        assert theirs == ours
