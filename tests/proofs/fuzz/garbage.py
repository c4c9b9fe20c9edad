"""What nobody sends in good faith: JSON that no serializer writes, texts that no database holds."""

from __future__ import annotations

import json

from hypothesis import strategies as st

# Scalars as they would stand in a JSON text, also where that is none any more.
ODD = [
    *('"0001-01-01T00:00:00+23:59"', '"9999-12-31T23:59:59-23:59"', '"2024-06-13"'),
    *(
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-1",
        "0.5",
        "1e999999",
        "1E-999999999",
        "1e9999999999999999999999",
    ),
    *("9" * 5_000, "-" + "9" * 400 + ".5", "01", "+1", ".5", "NaN", "-Infinity", "Infinity", "nil", "'a'"),
    *(
        '""',
        '" "',
        '"\\u0000"',
        '"\x00"',
        '"\\ud800"',
        '"\\udc00\\ud800"',
        '"\\ud83d\\ude00"',
        '"é"',
        '"\\/"',
    ),
    *('"../../me"', '"a/b?c=d#e"', '"%00"', '"a\\nb"', '"a\\r\\nX: y"', '"<script>"', '"\' OR 1=1 --"'),
    *(f'"{"x" * 65}"', f'"{"x" * 10_000}"', "[]", "{}", "[" * 25 + "]" * 25, '{"a":' * 25 + "1" + "}" * 25),
    *(
        "[" * 5_000 + "]" * 5_000,
        "[" * 5_000,
        '{"a":' * 5_000,
        "[1,]",
        '{"a":1,}',
        "{1:2}",
        '{"a" 1}',
        "",
        ",",
    ),
]
SCALARS = (
    st.sampled_from(ODD)
    | st.text(max_size=20).map(json.dumps)
    | st.integers().map(str)
    | st.floats().map(json.dumps)
)


def objects(names: list[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Draw JSON objects as text, some of whose names may come twice."""
    pairs = st.tuples(st.sampled_from(names) | st.text(max_size=5), values)
    return st.lists(pairs, max_size=5).map(
        lambda pairs: "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in pairs) + "}"
    )


def json_texts(names: list[str], favourites: list[str]) -> st.SearchStrategy[str]:
    """Draw anything that is nearly JSON; `favourites` are values (as JSON) that must not be rare."""
    leaves = st.sampled_from(favourites) | SCALARS
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3).map(lambda parts: f"[{','.join(parts)}]") | objects(names, inner)
        ),
        max_leaves=6,
    )


@st.composite
def spoiled(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> bytes:
    """Draw a text as bytes: perhaps wrongly encoded, cut off, or with something before, within or behind."""
    text = draw(texts)
    encoding = draw(st.sampled_from(["utf-8"] * 8 + ["utf-16", "utf-32", "latin-1", "utf-8-sig", "cp1252"]))
    content = text.encode(encoding, "surrogatepass" if encoding == "utf-8" else "replace")
    match draw(st.sampled_from(["whole"] * 8 + ["cut", "twice", "tail", "hole"])):
        case "cut":
            content = content[: draw(st.integers(0, len(content)))]
        case "twice":
            content += content
        case "tail":
            content += draw(st.binary(max_size=20))
        case "hole":
            where = draw(st.integers(0, len(content)))
            content = content[:where] + draw(st.binary(max_size=4)) + content[where:]
    return content
