"""The house's own rules: who imports whom, and that the README tells the truth."""

import ast
import re
import shlex
import subprocess
import sys
import tomllib

import pytest
from conftest import ROOT
from packaging.requirements import Requirement

PACKAGES = ("socratic", "training", "benchmarks")
HEAVY = {"torch", "transformers", "peft"}
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def modules():
    files = [ROOT / "app.py"]
    for package in PACKAGES:
        files += sorted((ROOT / package).rglob("*.py"))
    return [path.relative_to(ROOT) for path in files]


def imported(path):
    """Every module a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("path", modules(), ids=str)
def test_imports_go_one_way(path):
    names = imported(path)
    roots = {name.split(".")[0] for name in names}
    in_ui = "ui" in path.parts
    if not in_ui and path.name != "app.py" and path.parts[0] != "benchmarks":
        assert "gradio" not in roots
        assert not any(name.startswith("socratic.ui") for name in names)
    if in_ui or path.name == "app.py":
        assert not roots & HEAVY
    if path.parts[0] in ("socratic", "app.py"):
        assert "training" not in roots
    if path.parts[0] != "benchmarks":
        assert "benchmarks" not in roots


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = (
        "import sys, socratic.ui.build, socratic.generation, socratic.results, socratic.figures;"
        f"sys.exit(', '.join({HEAVY!r} & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", modules(), ids=str)
def test_every_module_says_what_it_is_and_stays_short(path):
    text = (ROOT / path).read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), f"{path} does not say what it is"
    assert text.count("\n") <= 330, f"{path} is too long to be read at once"
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", text)


def test_requirements_pin_what_pyproject_asks_for():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    asked = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["fast"]]
    wanted = {need.name: need for need in map(Requirement, asked)}
    assert [pin.name for pin in pins] == sorted(wanted)
    for pin in pins:
        assert pin.url is None
        (exact,) = pin.specifier
        assert exact.operator == "=="
        assert wanted[pin.name].specifier.contains(exact.version), f"{pin} is below its floor"


def tree_of_readme():
    block = re.search(r"```text\n(.*?)```", README, re.DOTALL).group(1)
    folder, paths = [], []
    for line in block.splitlines():
        match = re.match(r"^(\s*)(\S+)", line)
        if not match:
            continue
        depth = len(match.group(1)) // 2
        folder = [*folder[:depth], match.group(2).rstrip("/")]
        paths.append("/".join(folder))
    return paths


def test_the_file_tree_of_the_readme_is_on_the_disk():
    paths = tree_of_readme()
    missing = [path for path in paths if not (ROOT / path).exists()]
    assert not missing
    told = {path.split("/")[0] for path in paths}
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    there = {line.split("/")[0] for line in tracked.stdout.splitlines() if not line.startswith(".")}
    assert there <= told, "the README's tree leaves out a top-level name"
    here = {p.stem for p in (ROOT / "socratic").glob("*.py")} - {"__init__", "__main__"}
    assert here <= {
        path.split("/")[1].removesuffix(".py") for path in paths if path.startswith("socratic/")
    }


def commands_of_readme():
    found = re.findall(r"^(?:\.venv/bin/)?python -m (\w+) ([^\n#|&]*)", README, re.MULTILINE)
    return sorted(
        {(package, arguments.strip()) for package, arguments in found if package in PACKAGES}
    )


@pytest.mark.parametrize(("package", "arguments"), commands_of_readme())
def test_commands_of_the_readme_exist_with_their_options(package, arguments):
    from typer.testing import CliRunner

    module = __import__(f"{package}.__main__", fromlist=["app"])
    words = shlex.split(arguments)
    path = [word for word in words if re.fullmatch(r"[a-z-]+", word)]
    groups = {"training": ("data", "miniature"), "socratic": ("ratings",)}
    depth = 2 if path[0] in groups.get(package, ()) else 1
    shown = CliRunner().invoke(module.app, [*path[:depth], "--help"], env={"COLUMNS": "300"})
    assert shown.exit_code == 0, shown.output
    for option in (word.split("=")[0] for word in words if word.startswith("--")):
        assert option in shown.output, f"{package} {arguments}: no {option}"


def test_readme_gives_the_two_commands_and_the_citation():
    assert (
        "python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/python app.py" in README
    )
    install = ".venv/bin/pip install -e '.[test]' -c requirements.txt"
    assert f"python3 -m venv .venv && {install} && .venv/bin/pytest\n" in README
    # A release of tonight is not what was tested: CI takes the pinned versions, as the README does.
    assert f"\n{install}\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "10.18653/v1/2023.eacl-main.12" in README
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
