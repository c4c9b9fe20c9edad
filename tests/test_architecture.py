"""Who imports whom, and what only one place may do. Read from the code itself, with `ast`.

Every rule is a function that takes one module and yields what breaks it. Below the rules stand, for each, a
module that it must refuse and one that it must let pass: a rule that refuses nothing proves nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHOP = ("catalog", "demo", "payments", "pistore", "storefront", "web")
SIMULATOR = "pi_simulator"
PROOFS = ("tests", "mutants")  # the second is where `make mutants` works

# The folders that are rooms of their own, and what each may import besides itself. A module belongs to the
# innermost room around it; `payments` itself is the records: what is, and how it may change.
BELOW_THE_RULES = ("catalog", "web", "payments.pi", "payments")
BELOW_THE_ENTRY_POINTS = (*BELOW_THE_RULES, "payments.domain")
ENTRY_POINTS = ("payments.api", "payments.admin", "payments.audit", "payments.management", "storefront")
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "web": (),
    "payments.pi": (),
    "catalog": ("web",),
    "payments": ("catalog", "web", "payments.pi"),
    "payments.domain": BELOW_THE_RULES,
    "payments.audit": BELOW_THE_ENTRY_POINTS,
    "payments.api": BELOW_THE_ENTRY_POINTS,
    "payments.admin": BELOW_THE_ENTRY_POINTS,
    "payments.templatetags": BELOW_THE_ENTRY_POINTS,
    "payments.management": (*BELOW_THE_ENTRY_POINTS, "payments.audit"),
    "storefront": BELOW_THE_ENTRY_POINTS,
    "pistore": (*BELOW_THE_ENTRY_POINTS, *ENTRY_POINTS),
    "demo": (*BELOW_THE_ENTRY_POINTS, *ENTRY_POINTS, "pistore"),
    "pi_simulator": (),
    "manage": (),
}
RECORDS_ROOM = ("apps", "checks", "models", "money", "moves", "statuses")

DEMO = "demo"
PI = "payments.pi"
READERS_OF_THE_ENVIRONMENT = ("pistore.settings", "pistore.environment", "pistore.env_file", "demo.__main__")
SPEAKERS_OF_HTTP = ("payments.pi.http",)
HTTP_LIBRARIES = ("requests", "urllib3", "urllib.request", "http.client", "httpx", "aiohttp")

# What knows of requests and pages. The rules of the shop must work without any of it.
REQUESTS = ("rest_framework", "django.http", "django.shortcuts", "django.urls", "django.contrib")
WITHOUT_REQUESTS = ("payments.domain", "payments.pi", "payments.moves", "payments.statuses", "payments.money")

RECORDS = ("Order", "PiPayment", "Refund")
WRITERS = ("update", "create", "get_or_create", "update_or_create")
MAX_LINES = 500


@dataclass(frozen=True)
class Module:
    """One file of Python: `path` from the project's root, and what is written in it."""

    path: str
    source: str

    @property
    def name(self) -> str:
        return self.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source, self.path)

    @property
    def imports(self) -> list[tuple[int, str]]:
        """Line and dotted name of everything imported, `from a import b` as `a.b`, wherever it stands."""
        return self._imports_in(ast.walk(self.tree))

    @property
    def imports_when_run(self) -> list[tuple[int, str]]:
        """The same without what only a type checker reads."""
        checks = [node for node in ast.walk(self.tree) if isinstance(node, ast.If) and for_types(node)]
        unread = {inner for check in checks for inner in ast.walk(check)}
        return self._imports_in(node for node in ast.walk(self.tree) if node not in unread)

    def _imports_in(self, nodes: Iterable[ast.AST]) -> list[tuple[int, str]]:
        found = []
        for node in nodes:
            if isinstance(node, ast.Import):
                found += [(node.lineno, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                start = self._start(node)
                found += [(node.lineno, f"{start}.{alias.name}") for alias in node.names]
        return found

    def _start(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        is_package = self.path.endswith("__init__.py")
        parts = self.name.split(".")
        parents = parts[: len(parts) - node.level + is_package]
        return ".".join([*parents, *([node.module] if node.module else [])])

    def calls(self, *names: str) -> Iterator[ast.Call]:
        """Yield the calls of a function or method with one of these names."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in names:
                    yield node


Rule = Callable[[Module], Iterator[str]]


def within(name: str, *places: str) -> bool:
    """Whether the dotted name is one of the places, or lies in one."""
    return any(name == place or name.startswith(f"{place}.") for place in places)


def room_of(name: str) -> str:
    """Return the innermost room around a dotted name: `payments.domain` for `payments.domain.gate`."""
    rooms = [room for room in MAY_IMPORT if within(name, room)]
    return max(rooms, key=len, default=name.partition(".")[0])


def must_not_import(module: Module, *places: str) -> Iterator[str]:
    for line, name in module.imports:
        if within(name, *places):
            yield f"line {line} imports {name}"


# The rules -------------------------------------------------------------------------------------------


def a_room_imports_only_what_stands_below_it(module: Module) -> Iterator[str]:
    """Keep imports pointing one way: whoever reads a room needs to know only those below it."""
    here = room_of(module.name)
    allowed = (here, *MAY_IMPORT.get(here, ()))
    for line, name in module.imports:
        if within(name, *SHOP, SIMULATOR, "tests", "manage") and room_of(name) not in allowed:
            yield f"line {line} imports {name}"


def a_module_stands_in_a_room(module: Module) -> Iterator[str]:
    """Put every module under the rules of a folder from its first minute, and none beside the records."""
    if room_of(module.name) not in MAY_IMPORT:
        yield "stands in no room of the plan"
    if room_of(module.name) == "payments" and module.name not in (
        "payments",
        *(f"payments.{name}" for name in RECORDS_ROOM),
    ):
        yield "stands beside the records, and is none"


def the_simulator_stands_alone(module: Module) -> Iterator[str]:
    """Let the simulator play Pi for any shop: it knows neither ours nor Django."""
    if module.package == SIMULATOR:
        yield from must_not_import(module, "django", "rest_framework")


def the_shop_does_not_know_the_simulator(module: Module) -> Iterator[str]:
    """Pi is reached through two settings alone; only the demo, which starts both, may name the simulator."""
    if module.package in (*SHOP, "manage") and module.package != DEMO:
        for number, line in enumerate(module.source.splitlines(), start=1):
            if SIMULATOR in line:
                yield f"line {number} names {SIMULATOR}"


def views_hold_no_rules(module: Module) -> Iterator[str]:
    """Leave one call of the domain to a view; what is for sale and in stock is decided below it."""
    if module.name == "payments.api.views":
        inner = ("payments.moves.move", "payments.domain.sync", "payments.domain.gate")
        yield from must_not_import(module, "catalog", *inner)


def the_rules_know_nothing_of_requests(module: Module) -> Iterator[str]:
    """Let views, admin and commands call the rules; the other way round nothing could be reused."""
    if within(module.name, *WITHOUT_REQUESTS):
        yield from must_not_import(module, *REQUESTS)


def a_status_changes_in_one_place(module: Module) -> Iterator[str]:
    """Only `moves.move` writes a status: one UPDATE that names the status before, and one event."""
    if module.package not in SHOP or module.name == "payments.moves":
        return
    for call in module.calls(*WRITERS, *RECORDS):
        if "status" in keywords(call):
            yield f"line {call.lineno} writes a status"
    for call in module.calls("save", "bulk_update"):
        if any(isinstance(node, ast.Constant) and node.value == "status" for node in ast.walk(call)):
            yield f"line {call.lineno} saves a status"
    for call in module.calls("setattr"):
        if len(call.args) > 1 and getattr(call.args[1], "value", "") == "status":
            yield f"line {call.lineno} sets a status"
    for line in assigned_statuses(module):
        yield f"line {line} assigns a status"


def only_moves_writes_events(module: Module) -> Iterator[str]:
    """Write events beside their changes: one that belongs to no change would make the timeline a lie."""
    if module.package not in SHOP or module.name == "payments.moves":
        return
    made = [call for call in module.calls("Event") if isinstance(call.func, ast.Name)]
    made += [call for call in module.calls(*WRITERS, "bulk_create") if "Event" in names_in(call.func)]
    for call in made:
        yield f"line {call.lineno} writes an event"


def only_stock_changes_stock(module: Module) -> Iterator[str]:
    """Every change of the counts is one UPDATE in `catalog.stock` that cannot take what is not there."""
    if module.package in SHOP and module.name != "catalog.stock":
        for call in module.calls("update"):
            if keywords(call) & {"on_hand", "reserved"}:
                yield f"line {call.lineno} changes stock"


def only_settings_read_the_environment(module: Module) -> Iterator[str]:
    """One reader, so that a wrong value is told at the start, and .env.example can list every variable."""
    if module.package not in (*SHOP, "manage") or module.name in READERS_OF_THE_ENVIRONMENT:
        return
    yield from must_not_import(module, "environ", "os.environ", "os.getenv")
    allowed = {call.func.value for call in module.calls("setdefault") if names_the_settings(call)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv") and node not in allowed:
            yield f"line {node.lineno} reads the environment"


def only_one_module_speaks_http(module: Module) -> Iterator[str]:
    """Keep one way to the network, which refuses while a transaction is open."""
    if module.package in SHOP and module.name not in SPEAKERS_OF_HTTP:
        yield from must_not_import(module, *HTTP_LIBRARIES)


def locks_leave_foreign_keys_alone(module: Module) -> Iterator[str]:
    """Lock without keys: behind a plain FOR UPDATE whoever writes an event about the row waits, and two such
    writers wait for each other. FOR NO KEY UPDATE keeps rivals out just as well."""
    if module.package in SHOP:
        for call in module.calls("select_for_update"):
            values = {keyword.arg: keyword.value for keyword in call.keywords}
            if getattr(values.get("no_key"), "value", False) is not True:
                yield f"line {call.lineno} locks without no_key=True"


def a_sentence_is_never_data(module: Module) -> Iterator[str]:
    """Sentences are reworded and translated at any time: decide by a column, a choice or a type. Only what Pi
    itself puts into words, on the wire, is read there."""
    if module.package not in SHOP or module.name == "payments.pi.client":
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Compare) and any(map(is_sentence, (node.left, *node.comparators))):
            yield f"line {node.lineno} compares a sentence"
    for call in module.calls("startswith", "endswith", "removeprefix", "removesuffix", "count", "index"):
        of = getattr(call.func, "value", None)
        looks_into = getattr(of, "attr", getattr(of, "id", "")) in TEXTS_FOR_PEOPLE
        if looks_into or any(map(is_sentence, call.args)):
            yield f"line {call.lineno} looks into a sentence"
    for call in module.calls("filter", "exclude", "get", "Q"):
        for keyword in call.keywords:
            if looks_up_a_sentence(keyword):
                yield f"line {call.lineno} looks up a sentence"


def an_amount_is_written_in_one_place(module: Module) -> Iterator[str]:
    """Buyers, staff and programs read the same number, whoever writes it: `catalog.amounts.format_pi`."""
    if module.package not in SHOP or module.name == "catalog.amounts":
        return
    for call in module.calls("normalize"):
        if not call.args:  # unicodedata's takes two
            yield f"line {call.lineno} writes an amount"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FormattedValue) and is_written_as_is(node):
            yield f"line {node.lineno} writes an amount"


def a_file_is_read_in_one_sitting(module: Module) -> Iterator[str]:
    """Long files are where history piled up. Two rooms serve better."""
    if module.package in (*SHOP, SIMULATOR):
        lines = len(module.source.splitlines())
        if lines > MAX_LINES:
            yield f"has {lines} lines, more than {MAX_LINES}"


# What they look for ----------------------------------------------------------------------------------

TEXTS_FOR_PEOPLE = ("attention", "notice_detail", "notice_text", "note", "reason", "text", "outcome", "label")
LOOKUPS_INTO_TEXT = tuple(
    f"{case}{name}" for case in ("", "i") for name in ("startswith", "endswith", "contains", "exact", "regex")
)


# Two words each, and names all the same: so the Platform writes them.
NETWORKS = ("Pi Network", "Pi Testnet")


def is_sentence(node: ast.AST) -> bool:
    """Whether it is a text of more than one word; a tuple or a set counts when one of its parts is."""
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(map(is_sentence, node.elts))
    text = node.value if isinstance(node, ast.Constant) else None
    return isinstance(text, str) and " " in text.strip() and text not in NETWORKS


def looks_up_a_sentence(keyword: ast.keyword) -> bool:
    """Whether a keyword of a query reads a text for people: `note__startswith=…`, `reason="two words"`."""
    names = (keyword.arg or "").split("__")
    is_text = any(name in TEXTS_FOR_PEOPLE for name in names)
    return is_text and (names[-1] in LOOKUPS_INTO_TEXT or is_sentence(keyword.value))


def keywords(call: ast.Call) -> set[str]:
    """Return the names that get values: in `f(a=1)`, `f(**{"a": 1})` and `f(defaults={"a": 1})` alike."""
    given = {keyword.arg for keyword in call.keywords if keyword.arg}
    for keyword in call.keywords:
        if keyword.arg in (None, "defaults", "create_defaults") and isinstance(keyword.value, ast.Dict):
            given |= {key.value for key in keyword.value.keys if isinstance(key, ast.Constant)}
    return given


def names_in(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def names_the_settings(call: ast.Call) -> bool:
    return bool(call.args) and getattr(call.args[0], "value", "") == "DJANGO_SETTINGS_MODULE"


def assigned_statuses(module: Module) -> Iterator[int]:
    """Lines with `something.status = …`. An exception may carry a status, as a plain value of its own."""
    errors = {node for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef) and is_error(node)}
    forgiven = {inner for error in errors for inner in ast.walk(error)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr == "status" and isinstance(node.ctx, ast.Store):
            of_itself = isinstance(node.value, ast.Name) and node.value.id == "self"
            if not (of_itself and node in forgiven):
                yield node.lineno


def is_error(node: ast.ClassDef) -> bool:
    return any(name.endswith(("Error", "Exception")) for base in node.bases for name in names_in(base))


def is_written_as_is(node: ast.FormattedValue) -> bool:
    """`f"{amount:f}"`: all the digits of a decimal number. `f"{seconds:.1f}"` rounds, so it is no amount."""
    return node.format_spec is not None and ast.unparse(node.format_spec) == "f'f'"


def for_types(node: ast.If) -> bool:
    return "TYPE_CHECKING" in names_in(node.test)


# Kept by our code ------------------------------------------------------------------------------------

RULES: list[Rule] = [
    a_room_imports_only_what_stands_below_it,
    a_module_stands_in_a_room,
    the_simulator_stands_alone,
    the_shop_does_not_know_the_simulator,
    views_hold_no_rules,
    the_rules_know_nothing_of_requests,
    a_status_changes_in_one_place,
    only_moves_writes_events,
    only_stock_changes_stock,
    only_settings_read_the_environment,
    only_one_module_speaks_http,
    locks_leave_foreign_keys_alone,
    a_sentence_is_never_data,
    an_amount_is_written_in_one_place,
    a_file_is_read_in_one_sitting,
]


def name_of(parameter: object) -> str | None:
    """For pytest's output: rules by their names, everything else as pytest shows it."""
    return getattr(parameter, "__name__", None)


@cache
def modules() -> list[Module]:
    """Return everything that is ours: also a folder that nobody has given a room yet."""
    packages = [path.parent for path in sorted(ROOT.glob("*/__init__.py")) if path.parent.name not in PROOFS]
    paths = [path for package in packages for path in sorted(package.rglob("*.py"))]
    return [
        Module(path.relative_to(ROOT).as_posix(), path.read_text())
        for path in (*paths, ROOT / "manage.py")
        if "migrations" not in path.parts
    ]


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_our_code_keeps_the_rule(rule: Rule) -> None:
    broken = [f"{module.path}: {what}" for module in modules() for what in rule(module)]

    assert broken == [], rule.__doc__


def test_every_file_of_ours_is_under_the_rules() -> None:
    skipped = (*PROOFS, "var", "node_modules")
    found = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.glob("*/**/*.py")
        if not path.relative_to(ROOT).parts[0].startswith((".", *skipped)) and "migrations" not in path.parts
    }

    assert found <= {module.path for module in modules()}


def test_imports_go_round_in_no_circle() -> None:
    known = {module.name: module for module in modules()}
    uses = {name: imported_modules(module, known) for name, module in known.items()}

    assert circle(uses) == [], "these modules need each other: what they share belongs below both"


def imported_modules(module: Module, known: dict[str, Module]) -> set[str]:
    """Return the modules that `module` imports; of `from a import b`, `a.b` if that is a module, else `a`."""
    named = {name if name in known else name.rpartition(".")[0] for _, name in module.imports_when_run}
    return (named & set(known)) - {module.name}


def circle(uses: dict[str, set[str]]) -> list[str]:
    """Modules that stand in a circle, or wait for one; empty when there is none."""
    left = dict(uses)
    while free := [name for name, needs in left.items() if not needs & set(left)]:
        for name in free:
            del left[name]
    return sorted(left)


# What each rule must refuse, and what it must let pass ------------------------------------------------

REFUSED: dict[Rule, list[tuple[str, str]]] = {
    a_room_imports_only_what_stands_below_it: [
        ("web/error_pages.py", "from payments.api.problems import ANSWERS"),
        ("web/uploads.py", "def f():\n    from catalog import models"),
        ("payments/pi/client.py", "from payments.models import PiPayment"),
        ("payments/pi/http.py", "def f():\n    from web import callers"),
        ("payments/pi/a_new_one.py", "import catalog.models"),
        ("payments/pi/__init__.py", "from .. import models"),
        ("catalog/stock.py", "from payments import models"),
        ("catalog/api/views.py", "from ...payments import moves"),
        ("catalog/admin/pages.py", "from payments.admin.base import StaffAdmin"),
        ("payments/models.py", "from payments.domain.gate import mismatch"),
        ("payments/checks.py", "from payments.audit import doctor"),
        ("payments/domain/protocol.py", "from ..api.serializers import OrderAnswer"),
        ("payments/domain/a_new_one.py", "from payments.audit import invariants"),
        ("payments/audit/doctor.py", "from payments.management import pacing"),
        ("payments/api/views.py", "from storefront.receipt import receipt_for"),
        ("payments/api/views.py", "from payments.admin.summary import describe_order"),
        ("payments/admin/actions.py", "from payments.api.problems import ANSWERS"),
        ("payments/admin/pages.py", "from payments.audit import invariants"),
        ("payments/templatetags/staff.py", "from storefront.templatetags import shop"),
        ("payments/management/commands/check_ledger.py", "from payments.api import views"),
        ("storefront/views.py", "from payments.api.problems import not_found"),
        ("storefront/views.py", "def f():\n    from pistore import settings"),
        ("pistore/urls.py", "import demo"),
        ("demo/__main__.py", "from pi_simulator.simulator import Simulator"),
        ("pi_simulator/api.py", "from payments.pi.formats import IDENTIFIER"),
        ("pi_simulator/server.py", "from demo.supervisor import run"),
        ("manage.py", "def main():\n    from demo import supervisor"),
        ("catalog/stock.py", "from tests.catalog.goods import variant"),
    ],
    a_module_stands_in_a_room: [
        ("payments/ledger.py", ""),
        ("payments/utils.py", "x = 1"),
        ("shipping/models.py", ""),
    ],
    the_simulator_stands_alone: [
        ("pi_simulator/api.py", "from django.conf import settings"),
        ("pi_simulator/api.py", "def f():\n    import rest_framework"),
    ],
    the_shop_does_not_know_the_simulator: [
        ("payments/api/views.py", "import pi_simulator"),
        ("pistore/settings.py", "APPS = ['pi_simulator']"),
    ],
    views_hold_no_rules: [
        ("payments/api/views.py", "from catalog.models import Variant"),
        ("payments/api/views.py", "from payments.moves import Author, move"),
        ("payments/api/views.py", "from payments.domain.gate import mismatch"),
    ],
    the_rules_know_nothing_of_requests: [
        ("payments/domain/protocol.py", "from django.http import Http404"),
        ("payments/domain/gate.py", "def f():\n    from rest_framework import serializers"),
        ("payments/moves.py", "from django.contrib.auth.models import User"),
        ("payments/pi/client.py", "from django.shortcuts import redirect"),
    ],
    a_status_changes_in_one_place: [
        ("payments/domain/sync.py", "order.status = 'paid'\norder.save()"),
        ("payments/domain/sync.py", "order.status, x = 'paid', 1"),
        ("payments/models.py", "class Order(Model):\n def f(self): self.status = 1"),
        ("payments/domain/sync.py", "Order.objects.filter(pk=1).update(status='paid')"),
        ("payments/domain/sync.py", "rows.update(**{'status': 'paid'})"),
        ("payments/domain/sync.py", "Order.objects.create(total=1, status='paid')"),
        ("payments/domain/sync.py", "o.get_or_create(pk=1, defaults={'status': 'paid'})"),
        ("payments/domain/sync.py", "Refund(status='done')"),
        ("payments/domain/sync.py", "order.save(update_fields=['status'])"),
        ("payments/domain/sync.py", "Order.objects.bulk_update(orders, ['status'])"),
        ("payments/domain/sync.py", "setattr(order, 'status', 'paid')"),
    ],
    only_moves_writes_events: [
        ("payments/domain/decisions.py", "Event.objects.create(order=order, actor='x')"),
        ("payments/domain/decisions.py", "Event(order=order, actor='x').save()"),
        ("payments/domain/decisions.py", "Event.objects.bulk_create(events)"),
    ],
    only_stock_changes_stock: [
        ("payments/domain/sync.py", "variants.update(reserved=F('reserved') - 1)"),
        ("catalog/admin/pages.py", "variants.update(price=1, on_hand=7)"),
    ],
    only_settings_read_the_environment: [
        ("payments/domain/gate.py", "import os\nx = os.environ['DEBUG']"),
        ("payments/domain/gate.py", "import os\nx = os.getenv('DEBUG')"),
        ("payments/domain/gate.py", "from os import environ"),
        ("payments/domain/gate.py", "import environ"),
        ("pistore/wsgi.py", "import os\nos.environ.setdefault('DEBUG', '1')"),
    ],
    only_one_module_speaks_http: [
        ("payments/domain/protocol.py", "import requests"),
        ("payments/pi/horizon.py", "import requests"),
        ("payments/domain/sign_in.py", "from urllib.request import urlopen"),
    ],
    locks_leave_foreign_keys_alone: [
        ("payments/moves.py", "Order.objects.select_for_update().get(pk=1)"),
        ("payments/moves.py", "rows.select_for_update(no_key=False)"),
        ("payments/moves.py", "rows.select_for_update(skip_locked=True)"),
    ],
    a_sentence_is_never_data: [
        ("payments/domain/sync.py", "if row.attention.startswith(PASSING):\n    pass"),
        ("payments/domain/sync.py", "if problem == 'the goods are gone':\n    pass"),
        ("payments/domain/sync.py", "if text in ('paid late', 'paid twice'):\n    pass"),
        ("payments/domain/sync.py", "if 'is gone' in text:\n    pass"),
        ("payments/domain/reconciliation.py", "trouble = outcome.startswith('trouble')"),
        ("payments/domain/reconciliation.py", "trouble = answer.startswith('in trouble')"),
        ("payments/domain/protocol.py", "events.filter(note__startswith=NOT_YET)"),
        ("payments/domain/protocol.py", "events.exclude(refund__reason__icontains=word)"),
        ("payments/audit/invariants.py", "Refund.objects.filter(Q(reason='the goods are gone'))"),
    ],
    an_amount_is_written_in_one_place: [
        ("payments/models.py", "text = f'{self.amount.normalize():f} π'"),
        ("payments/models.py", "text = str(amount.normalize())"),
        ("catalog/forms.py", "text = f'{MIN_AMOUNT:f}'"),
    ],
    a_file_is_read_in_one_sitting: [
        ("payments/api/views.py", "x = 1\n" * (MAX_LINES + 1)),
    ],
}

LET_PASS: dict[Rule, list[tuple[str, str]]] = {
    a_room_imports_only_what_stands_below_it: [
        ("web/error_pages.py", "from django.conf import settings\nfrom web.framing import framable_by_pi"),
        ("payments/pi/horizon.py", "from payments.pi import http\nfrom . import formats"),
        ("catalog/api/views.py", "from catalog import stock\nfrom web import json_bodies"),
        ("payments/models.py", "from catalog.models import Variant\nfrom payments.pi.formats import TXID"),
        (
            "payments/domain/gate.py",
            "from payments.models import Order\nfrom . import ordering",
        ),
        ("payments/api/views.py", "from payments.domain import protocol\nfrom payments.moves import Author"),
        ("payments/management/commands/check_ledger.py", "from payments.audit import invariants"),
        ("pistore/urls.py", "from pistore import probes\nfrom storefront import views"),
        ("demo/__main__.py", "from demo.supervisor import run\nfrom pistore import environment"),
        ("manage.py", "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'pistore.settings')"),
        ("pi_simulator/api.py", "from .records import Payment\nimport json"),
    ],
    a_module_stands_in_a_room: [
        ("payments/models.py", ""),
        ("payments/domain/refunds.py", ""),
        ("storefront/a_new_one.py", ""),
    ],
    the_simulator_stands_alone: [
        ("pi_simulator/api.py", "from .records import Payment\nimport json"),
    ],
    the_shop_does_not_know_the_simulator: [
        ("demo/__main__.py", "command = ['-m', 'pi_simulator']"),
    ],
    views_hold_no_rules: [
        ("payments/api/views.py", "from payments.domain import protocol\nfrom payments.moves import Author"),
    ],
    the_rules_know_nothing_of_requests: [
        ("payments/domain/decisions.py", "from payments.domain import refunds"),
        ("payments/api/views.py", "from rest_framework.views import APIView"),
    ],
    a_status_changes_in_one_place: [
        ("payments/moves.py", "rows.update(status=to)"),
        ("payments/api/views.py", "Response({}, status=201)"),
        ("payments/domain/sync.py", "Order.objects.filter(status='paid').update(note='')"),
        ("payments/domain/sync.py", "if order.status == 'paid': pass"),
        ("payments/x.py", "class No(Exception):\n def f(self): self.status = 1"),
    ],
    only_moves_writes_events: [
        ("payments/moves.py", "Event.objects.create(actor='x')"),
        ("payments/audit/invariants.py", "Event.objects.filter(order=None).exists()"),
    ],
    only_stock_changes_stock: [
        ("catalog/stock.py", "variants.update(on_hand=F('on_hand') - 1)"),
        ("catalog/admin/pages.py", "Variant.objects.filter(reserved=0).update(price=1)"),
    ],
    only_settings_read_the_environment: [
        ("pistore/settings.py", "import environ\nenv = environ.Env()"),
        ("pistore/wsgi.py", "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'pistore.settings')"),
    ],
    only_one_module_speaks_http: [
        ("payments/pi/http.py", "import requests"),
        ("payments/pi/client.py", "from http import HTTPStatus"),
        ("web/json_bodies.py", "from http import HTTPStatus"),
    ],
    locks_leave_foreign_keys_alone: [
        ("payments/moves.py", "rows.select_for_update(no_key=True, of=('self',))"),
    ],
    a_sentence_is_never_data: [
        ("payments/domain/sync.py", "if row.notice in PASSING_NOTICES or row.attention:\n    pass"),
        ("payments/domain/sync.py", "if order.attention != shown:\n    pass"),
        ("payments/domain/sync.py", "if status == 'paid':\n    pass"),
        ("payments/api/views.py", "if request.path.startswith('/admin/'):\n    pass"),
        ("payments/domain/protocol.py", "events.filter(cause=Cause.HONOUR, note='')"),
        ("tests/payments/domain/test_sync.py", "assert note.startswith('names order')"),
    ],
    an_amount_is_written_in_one_place: [
        ("catalog/amounts.py", "number = f'{amount.normalize():f}'"),
        ("catalog/admin.py", "text = format_pi(price)"),
        ("payments/moves.py", "text = unicodedata.normalize('NFC', text)"),
        ("payments/domain/reconciliation.py", "text = f'{seconds:.1f} seconds'"),
    ],
    a_file_is_read_in_one_sitting: [
        ("payments/api/views.py", "x = 1\n" * MAX_LINES),
    ],
}


def examples(table: dict[Rule, list[tuple[str, str]]]) -> list[tuple[Rule, str, str]]:
    return [(rule, path, source) for rule, sources in table.items() for path, source in sources]


@pytest.mark.parametrize(("rule", "path", "source"), examples(REFUSED), ids=name_of)
def test_the_rule_refuses(rule: Rule, path: str, source: str) -> None:
    assert list(rule(Module(path, source))) != []


@pytest.mark.parametrize(("rule", "path", "source"), examples(LET_PASS), ids=name_of)
def test_the_rule_lets_pass(rule: Rule, path: str, source: str) -> None:
    assert list(rule(Module(path, source))) == []


def test_every_rule_is_shown_to_refuse_and_to_let_pass() -> None:
    assert list(REFUSED) == list(LET_PASS) == RULES


def test_a_circle_of_imports_is_found() -> None:
    known = {
        "payments.a": Module("payments/a.py", "from payments import b"),
        "payments.b": Module("payments/b.py", "def f():\n    from payments.c import x"),
        "payments.c": Module("payments/c.py", "import payments.a"),
        "payments.d": Module("payments/d.py", "if TYPE_CHECKING:\n    import payments.e"),
        "payments.e": Module("payments/e.py", "import payments.d"),
    }
    uses = {name: imported_modules(module, known) for name, module in known.items()}

    assert circle(uses) == ["payments.a", "payments.b", "payments.c"]
    assert circle(uses | {"payments.c": set()}) == []
