"""What the documents name exists, and what exists is named: variables, commands, options, files, routes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from django.core.management import get_commands, load_command_class
from django.urls import Resolver404, resolve

from payments.statuses import ReviewReason
from pi_simulator.faults import KINDS
from tests.payments.page import Page
from tests.security.test_threats import exists, named_in
from tests.test_architecture import modules

ROOT = Path(__file__).parent.parent
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/going-live.md"]
DOCUMENTS += ["docs/security.md", "docs/reliability.md", "docs/decisions.md", "docs/traps.md"]
DOCUMENTS += ["tests/proofs/README.md"]


def text_of(name: str) -> str:
    return (ROOT / name).read_text()


GOING_LIVE = text_of("docs/going-live.md")
RELIABILITY = text_of("docs/reliability.md")
ALL_TEXT = "\n".join(text_of(name) for name in DOCUMENTS)

# Variables of the environment --------------------------------------------------------------------------


def read_by_the_settings() -> set[str]:
    """Return the names that settings.py and environment.py ask the environment for.

    They ask in `env.…("NAME")` or `environment.…(env, "NAME")`.
    """
    names = set()
    for module in ("settings", "environment"):
        for node in ast.walk(ast.parse(text_of(f"pistore/{module}.py"))):
            if isinstance(node, ast.Call) and re.match(r"env(ironment)?\.", ast.unparse(node.func)):
                texts = [str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)]
                names |= {text for text in texts if re.fullmatch(r"[A-Z][A-Z0-9_]+", text)}
    return names


def test_the_example_environment_has_every_variable_and_no_other() -> None:
    in_example = re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", text_of(".env.example"), flags=re.MULTILINE)

    assert sorted(in_example) == sorted(read_by_the_settings())


def test_going_live_explains_every_variable_and_no_other() -> None:
    explained = re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", GOING_LIVE, flags=re.MULTILINE)

    assert sorted(explained) == sorted(read_by_the_settings())


def test_the_tests_set_every_variable_so_that_no_file_of_a_developer_leaks_in() -> None:
    assert sorted(settings.ENVIRONMENT) == sorted(read_by_the_settings())


def test_no_document_names_a_variable_that_is_not_read() -> None:
    # What follows a dot is a name of some module: `payments.statuses.ORDER_MOVES`.
    variable = r"(?<![.\w])((?:PI|ALLOWED|ORDER)_[A-Z_]+|[A-Z]+_(?:URL|COUNT|KEY))\b"
    named = set(re.findall(variable, ALL_TEXT))

    assert named - read_by_the_settings() == set()


# Commands ----------------------------------------------------------------------------------------------

OWN_COMMANDS = sorted(name for name, app in get_commands().items() if app in ("catalog", "demo", "payments"))


def commands_in(text: str) -> set[str]:
    """Return words after `manage.py`, and words in backticks on lines about manage.py or commands."""
    named = set(re.findall(r"manage\.py ([a-z_]+)", text))
    for line in text.splitlines():
        if "manage.py" in line or line.startswith("| `"):
            named |= set(re.findall(r"`([a-z]+(?:_[a-z]+)+)(?: --[a-z-]+)*`", line))
    return named


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_that_is_named_exists(name: str) -> None:
    assert sorted(commands_in(text_of(name)) - {"help", *get_commands()}) == []


@pytest.mark.parametrize("command", OWN_COMMANDS)
def test_every_command_of_ours_is_explained_to_who_runs_a_shop(command: str) -> None:
    assert re.search(rf"(`|manage\.py ){command}\b", GOING_LIVE)


def options_in(text: str) -> Iterator[tuple[str, str]]:
    for command, options in re.findall(r"\b([a-z_]+)((?: --[a-z][a-z-]*)+)", text):
        if command in get_commands():
            yield from ((command, option) for option in options.split())


@pytest.mark.parametrize(("command", "option"), sorted(set(options_in(ALL_TEXT))))
def test_every_option_that_is_named_exists(command: str, option: str) -> None:
    parser = load_command_class(get_commands()[command], command).create_parser("manage.py", command)

    assert option in parser._option_string_actions


# Files, headings, routes ---------------------------------------------------------------------------------


def links_in(text: str) -> list[str]:
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", prose) if "://" not in target]


def anchors_in(text: str) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(name: str, text: str) -> list[str]:
    broken = []
    for target in links_in(text):
        path, _, anchor = target.partition("#")
        file = (ROOT / name).parent / path if path else ROOT / name
        known = file.exists() and (not anchor or anchor in anchors_in(text if not path else file.read_text()))
        broken += [] if known else [target]
    return broken


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_somewhere(name: str) -> None:
    assert broken_links(name, text_of(name)) == []


def files_in(text: str) -> set[str]:
    """Return the paths in backticks that begin with one of our folders."""
    ours = r"(?:payments|storefront|catalog|demo|pistore|web|pi_simulator|templates|tests|docs)/[\w./-]*"
    return set(re.findall(rf"`({ours})`", text))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_that_is_named_exists(name: str) -> None:
    assert [path for path in files_in(text_of(name)) if not (ROOT / path).exists()] == []


def routes_in(text: str) -> set[str]:
    """Return `GET /path` and `POST /path` anywhere, and bare `/path` in backticks."""
    named = set(re.findall(r"`(?:(?:GET|POST) )?(/[\w./{}-]*)`", text))
    return named | set(re.findall(r"(?<=127\.0\.0\.1:8000)(/[\w./-]+)", text))


def unknown_routes(text: str) -> list[str]:
    unknown = []
    for route in sorted(routes_in(text)):
        try:
            resolve(re.sub(r"\{\w+\}", "x", route))
        except Resolver404:
            unknown.append(route)
    return unknown


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/decisions.md"])
def test_every_route_that_is_named_exists(name: str) -> None:
    assert unknown_routes(text_of(name)) == []


# Recipes ---------------------------------------------------------------------------------------------

RECIPES = text_of("CONTRIBUTING.md").partition("## How to add\n")[2].partition("\n## ")[0]
PACKAGES = ("payments", "storefront", "catalog", "demo", "web", "pistore", "pi_simulator", "tests")


def dotted_names_in(text: str) -> list[str]:
    """Return names in backticks that begin with one of our packages: `payments.moves.move`."""
    return re.findall(rf"`((?:{'|'.join(PACKAGES)})(?:\.\w+)+)`", text)


def paths_in(text: str) -> list[str]:
    """Return whatever stands in backticks, has a slash or the ending of a file in it, and no space."""
    return re.findall(r"`([\w.-]*/[\w./-]*|[\w.-]*\.(?:py|in|txt|html|js|md|toml|example))`", text)


def leads_somewhere(name: str) -> bool:
    """Return whether a dotted name is a module, or something in one."""
    try:
        resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


@pytest.mark.parametrize("name", sorted(set(dotted_names_in(RECIPES))))
def test_every_name_in_a_recipe_leads_somewhere(name: str) -> None:
    assert leads_somewhere(name)


def test_every_path_in_a_recipe_exists() -> None:
    assert [path for path in paths_in(RECIPES) if not (ROOT / path).exists()] == []


def test_every_recipe_names_where_to_begin() -> None:
    titles = re.split(r"^\*\*(An? .+?)\*\*.*$", RECIPES, flags=re.MULTILINE)[1:]
    recipes = dict(zip(titles[::2], titles[1::2], strict=True))

    assert list(recipes) == [
        *("A status", "An entry point", "A delivery kind", "A page"),
        *("A language", "A setting", "A command", "A dependency"),
    ]
    assert [title for title, text in recipes.items() if not dotted_names_in(text)] == []


# Words that stand in two places --------------------------------------------------------------------------


def test_going_live_tells_what_to_do_for_every_reason_of_a_review() -> None:
    assert [reason for reason in ReviewReason.labels if f"| {reason} |" not in GOING_LIVE] == []


@pytest.mark.django_db
def test_the_permissions_that_staff_are_given_exist() -> None:
    named = set(re.findall(r"\*\*(Can [^*]+)\*\*", GOING_LIVE))

    assert len(named) > 1
    assert named - set(Permission.objects.values_list("name", flat=True)) == set()


def test_contributing_names_every_fault_of_the_simulator() -> None:
    assert [kind for kind in KINDS if f"`{kind}`" not in text_of("CONTRIBUTING.md")] == []


@pytest.mark.django_db
def test_the_example_of_a_test_works(alice: Page) -> None:
    [source] = re.findall(r"```python\n(.*?)```", text_of("CONTRIBUTING.md"), flags=re.DOTALL)
    names: dict[str, object] = {"Page": Page}
    exec(source, names)  # noqa: S102  (it stands in our own document)
    [example] = [value for name, value in names.items() if name.startswith("test_")]

    example(alice)  # type: ignore[operator]


# That these checks find something ------------------------------------------------------------------------


def test_a_name_of_what_does_not_exist_is_found() -> None:
    text = (
        "# Here\n[a](b.md) [c](#there) [d](#here) `payments/none.py` `GET /nowhere/` `/healthz` manage.py fly"
    )

    assert broken_links("README.md", text) == ["b.md", "#there"]
    assert files_in(text) == {"payments/none.py"}
    assert unknown_routes(text) == ["/nowhere/"]
    assert commands_in(text) == {"fly"}
    assert set(options_in("check_ledger --pi and check --deploy and ls --all")) == {
        ("check_ledger", "--pi"),
        ("check", "--deploy"),
    }


def test_a_recipe_that_leads_nowhere_is_found() -> None:
    text = "`payments.moves.move` `payments.moves.shake` `payments.nothing.at_all` `pi.sign`"
    text += " `requirements.in` `none.in` `tests/none/`"

    names = dotted_names_in(text)
    assert names == ["payments.moves.move", "payments.moves.shake", "payments.nothing.at_all"]
    assert [leads_somewhere(name) for name in names] == [True, False, False]
    assert leads_somewhere("storefront.receipt.Receipt.verdict")
    assert [path for path in paths_in(text) if not (ROOT / path).exists()] == ["none.in", "tests/none/"]


# Proof -------------------------------------------------------------------------------------------------


def test_every_promise_names_tests_that_exist() -> None:
    rows = re.findall(r"^\| (\d) \|.*$", RELIABILITY, flags=re.MULTILINE)
    named = [name for name in named_in(RELIABILITY) if "::" in name]

    assert rows == list("123456789")
    assert len(named) > 2 * len(rows)
    assert [test for test in named if not exists(test)] == []


# The tree in CONTRIBUTING.md ---------------------------------------------------------------------------

MAP = text_of("CONTRIBUTING.md").partition("## Where things are\n")[2].partition("\n## ")[0]
TREE = MAP.partition("```\n")[2].partition("```")[0]


def files_of(tree: str) -> set[str]:
    """Return the paths of the Python files that the tree names, by the indentation of its folders."""
    files, folders = set(), []
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        names = re.match(r"[\w./ ]*?(?=  |$)", line.strip())[0].split()
        del folders[depth:]
        if names and names[0].endswith("/"):
            folders.append(names[0])
        else:
            files |= {"".join([*folders, name]) for name in names if name.endswith(".py")}
    return files


@pytest.mark.parametrize("name", sorted(set(dotted_names_in(MAP))))
def test_every_name_in_the_map_leads_somewhere(name: str) -> None:
    assert leads_somewhere(name)


def test_the_tree_names_every_module() -> None:
    ours = {module.path for module in modules() if not module.path.endswith("__init__.py")}

    assert files_of(TREE) == ours - {"manage.py"}


def test_a_file_that_is_missing_in_the_tree_is_found() -> None:
    tree = "shop/    all of it\n  models.py urls.py   rows\n  api/\n    views.py\ncatalog/\n  stock.py\n"

    assert files_of(tree) == {"shop/models.py", "shop/urls.py", "shop/api/views.py", "catalog/stock.py"}
