"""Mutants of what stands around functions, by cosmic-ray: constraints, fields, constants, what is decorated.

`models.toml` and `constants.toml` say which files are broken and which commands must notice. Each worker
breaks a copy of the project of its own, under `mutants/`, and has its own list of work there.
"""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, closing
from functools import cache
from pathlib import Path

from cosmic_ray.commands import init
from cosmic_ray.config import load_config
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkItem, WorkResult

from tests.proofs.mutants.mutant import Mutant

Position = tuple[int, int]

ROOT = Path(__file__).parents[3]
CONFIGS_FOLDER = Path("tests/proofs/mutants")
CONFIGS = ("models.toml", "constants.toml")
COPIED = (
    "catalog",
    "demo",
    "payments",
    "pistore",
    "pi_simulator",
    "storefront",
    "templates",
    "web",
    "tests",
    "manage.py",
    "pyproject.toml",
)
COMPILED = shutil.ignore_patterns("__pycache__")
WORKERS = os.cpu_count() or 2
# An operator can be replaced by eleven others. With most of them nothing can even be imported: a test that
# notices those has shown nothing.
REPLACEMENTS = ("BitOr_BitAnd", "BitOr_BitXor", "BitAnd_BitOr", "Add_Sub", "Sub_Add", "Mul_Div", "Pow_Mul")
UNARY_REPLACEMENTS = ("Delete_Invert", "Delete_Not", "USub_UAdd")
# In spite of these decorators mutmut breaks a function.
PLAIN = ("staticmethod", "classmethod")
# What the last command of cosmic-ray.toml says: it notices every change of the schema, of use or not.
LAST = "Migrations for "


def run() -> None:
    """Try every mutant that has not been tried yet, in as many copies as there are processors.

    Exit when the tests fail without any mutant.
    """
    for number in range(WORKERS):
        _copy_project(_tree(number))
    for config in CONFIGS:
        if _cosmic_ray("baseline", config, tree=_tree(0)).wait():
            sys.exit(f"what {config} runs fails without any mutant")
        workers = [_begin(config, number) for number in range(WORKERS)]
        try:
            failed = [worker for worker in workers if worker.wait()]
        finally:
            for worker in workers:
                worker.terminate()
        if failed:
            sys.exit(f"cosmic-ray ended with {failed[0].returncode}")


def mutants() -> Iterator[Mutant]:
    for _, item, result in _results():
        yield _mutant(item, result)


def forget(wanted: Callable[[Mutant], bool]) -> None:
    """Have the survivors that are `wanted` tried again: there may be a test for them by now."""
    for session, item, result in list(_results()):
        mutant = _mutant(item, result)
        if mutant.survived and wanted(mutant):
            with closing(sqlite3.connect(session)) as work, work:
                work.execute("DELETE FROM work_results WHERE job_id = ?", [item.job_id])


def _tree(number: int) -> Path:
    return ROOT / "mutants" / f"tree-{number}"


def _copy_project(tree: Path) -> None:
    tree.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=COMPILED, dirs_exist_ok=True)
        else:
            shutil.copy2(ROOT / name, tree / name)


def _begin(config: str, number: int) -> subprocess.Popen[bytes]:
    """Start a worker on its share, with a new list of work where the code is another than before."""
    tree = _tree(number)
    session = Path(config).with_suffix(".sqlite")
    with chdir(tree):
        paths = [Path(path) for path in load_config(CONFIGS_FOLDER / config)["module-path"]]
        code = hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
        stamp = session.with_suffix(".sha256")
        if not stamp.exists() or stamp.read_text() != code:
            with use_db(session, WorkDB.Mode.create) as work:
                init(paths, work, {})
                items = [item for item in work.work_items if _worth_trying(item.mutations[0])]
                work.clear()
                work.add_work_items(items[number::WORKERS])
            stamp.write_text(code)
    return _cosmic_ray("exec", config, str(session), tree=tree)


def _cosmic_ray(command: str, config: str, *more: str, tree: Path) -> subprocess.Popen[bytes]:
    programs = Path(sys.executable).parent
    return subprocess.Popen(
        [programs / "cosmic-ray", command, CONFIGS_FOLDER / config, *more],
        cwd=tree,
        env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"},
    )


def _worth_trying(mutation: MutationSpec) -> bool:
    kind = mutation.operator_name.removeprefix("core/Replace")
    if kind.startswith("BinaryOperator_"):
        worth = kind.removeprefix("BinaryOperator_") in REPLACEMENTS
    elif kind.startswith("UnaryOperator_"):
        worth = kind.removeprefix("UnaryOperator_") in UNARY_REPLACEMENTS
    else:
        worth = True
    return worth and not any(
        start <= mutation.start_pos < end for start, end in _left_out(mutation.module_path)
    )


@cache
def _left_out(path: Path) -> list[tuple[Position, Position]]:
    """Return the places where mutmut is at work already, and the annotations, which nobody evaluates."""
    tree = ast.parse(path.read_text())
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    nodes: list[ast.AST | None] = [
        node for body in bodies for node in body if isinstance(node, ast.FunctionDef) and _is_plain(node)
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign | ast.arg):
            nodes.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            nodes.append(node.returns)
    return [
        ((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)) for node in nodes if node
    ]


def _is_plain(function: ast.FunctionDef) -> bool:
    return all(isinstance(wish, ast.Name) and wish.id in PLAIN for wish in function.decorator_list)


def _results() -> Iterator[tuple[Path, WorkItem, WorkResult]]:
    for session in sorted((ROOT / "mutants").glob("tree-*/*.sqlite")):
        with use_db(session, WorkDB.Mode.open) as work:
            for item, result in work.completed_work_items:
                yield session, item, result


def _mutant(item: WorkItem, result: WorkResult) -> Mutant:
    path = str(item.mutations[0].module_path)
    fate = "survived"
    if result.test_outcome == TestOutcome.KILLED:
        fate = "as schema" if LAST in (result.output or "") else "killed"
    return Mutant.from_diff(path, (result.diff or "").splitlines(), fate=fate)
