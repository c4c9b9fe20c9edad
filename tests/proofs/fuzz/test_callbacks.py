"""Every body that may come to a callback, a sign-in or an order: the answer always is JSON with a status that
is documented and a code; never a 5xx, but for a 503 that says when to come back; and no row is lost."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.http import HttpResponse
from hypothesis import strategies as st

from pi_simulator.faults import KINDS
from tests.payments.page import Page
from tests.proofs.fuzz.api import SCHEMA
from tests.proofs.fuzz.effort import ON_POSTGRES, TRIED, forgotten, fuzz
from tests.proofs.fuzz.garbage import json_texts, spoiled
from tests.proofs.promises import Goods, broken

pytestmark = [pytest.mark.django_db, *ON_POSTGRES]

CALLBACKS = ["approve", "complete", "cancel", "cancelled_payment", "incomplete", "error"]
PATHS = [*(f"/payments/{step}" for step in CALLBACKS), "/user/signin", "/api/orders/"]
NAMES = [
    *("paymentId", "txid", "transactionId", "payment", "identifier", "accessToken", "authResult", "error"),
    *("lines", "sku", "quantity", "shipping", "name", "address"),
]
# Replaced by what is true when the case is tried.
KNOWN = ["$ALIVE", "$SIGNED", "$DONE", "$TXID", "$ANOTHERS", "$TOKEN"]
FAVOURITES = [*(f'"{name}"' for name in KNOWN), "null", '"made-up"', '"mug"', "1"]

STEPS: dict[str, list[str]] = {
    # Bodies that come near, with a place for something odd.
    "approve": ['{"paymentId":@}', '{"paymentId":"$ALIVE","accessToken":@}'],
    "complete": [
        '{"paymentId":@,"txid":"$TXID"}',
        '{"paymentId":"$SIGNED","txid":@}',
        '{"paymentId":"$SIGNED","txid":@,"transactionId":@}',
        '{"paymentId":"$ALIVE","transactionId":@}',
    ],
    "cancel": ['{"paymentId":@}', '{"paymentId":@,"paymentId":"$ALIVE"}'],
    "cancelled_payment": ['{"paymentId":@}'],
    "incomplete": [
        '{"payment":{"identifier":@}}',
        '{"payment":@}',
        '{"paymentId":"$SIGNED","transactionId":@}',
        '{"paymentId":@,"payment":{"identifier":"$ALIVE","transaction":{"txid":@}}}',
    ],
    "error": ['{"paymentId":"$ALIVE","error":@}', '{"paymentId":@,"error":{}}', '{"error":@}'],
    "signin": ['{"accessToken":@}', '{"authResult":{"accessToken":@}}', '{"authResult":@}'],
    "orders": [
        '{"lines":[{"sku":@,"quantity":1}]}',
        '{"lines":[{"sku":"book","quantity":@}]}',
        '{"lines":@}',
        '{"lines":[{"sku":"mug","quantity":1}],"shipping":{"name":@,"address":@}}',
        '{"lines":[{"sku":"book","quantity":1}],"shipping":@}',
    ],
}
CONTENT_TYPES = [
    *["application/json"] * 8,
    *(
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "",
        "a/b/c",
        "\xff",
    ),
    *(
        "application/json; charset=utf-7",
        "application/json; charset=",
        "x" * 3_000,
        "multipart/form-data",
        "\xff",
    ),
]
LENGTHS = [" ", "abc", "-1", "0", "3", "99999", "1e3", "9" * 30]
FORM = b"paymentId=$ALIVE&txid=$TXID&accessToken=$TOKEN"
PARTS = b'--x\r\nContent-Disposition: form-data; name="paymentId"\r\n\r\n$ALIVE\r\n--x--\r\n'


@st.composite
def bodies(draw: st.DrawFn, step: str) -> bytes:
    near = st.sampled_from(STEPS[step]).flatmap(
        lambda form: json_texts(NAMES, FAVOURITES).map(lambda odd: form.replace("@", odd))
    )
    texts = near | near | json_texts(NAMES, FAVOURITES)
    return draw(spoiled(texts) | spoiled(texts) | st.sampled_from([FORM, PARTS]) | st.binary(max_size=50))


class Story:
    """A payment that waits for its buyer, one that is signed, one that is done, and one of somebody else."""

    def __init__(self, alice: Page, bob: Page) -> None:
        self.pi = alice.pi
        self.pi.reset()  # what an earlier case has left open would be in the way
        done = alice.buy({"book": 1}).payments.get().identifier
        _, anothers = bob.approved({"mug": 1})
        _, signed = alice.approved({"mug": 1})
        txid = self.pi.sign(signed)
        alive = Page(self.pi, "carol").sign_in().approved({"voucher": 1})[1]
        self.token = self.pi.sign_in(alice.pioneer)
        self.truth = dict(zip(KNOWN, (alive, signed, done, txid, anothers, self.token), strict=True))

    def told(self, body: bytes) -> bytes:
        for name, value in self.truth.items():
            body = body.replace(name.encode(), value.encode())
        return body


def check_documented(path: str, response: HttpResponse) -> None:
    status, answer = response.status_code, response.json()
    assert response["Content-Type"] == "application/json"
    assert str(status) in SCHEMA.raw_schema["paths"][path]["post"]["responses"]
    assert status < 500 or (status, int(response["Retry-After"]) > 0) == (503, True)
    assert isinstance(answer, dict)
    assert status < 400 or (answer["error"] and answer["message"])
    assert not response.cookies


def requests_to(path: str) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """Draw body, content type, length, whether signed in, and what goes wrong at Pi meanwhile."""
    rarely = st.none() | st.none() | st.none()
    return st.lists(
        st.tuples(
            bodies(path.rpartition("/")[2] or "orders"),
            st.sampled_from(CONTENT_TYPES),
            rarely | st.sampled_from(LENGTHS),
            st.booleans(),
            rarely | st.sampled_from(KINDS),
        ),
        min_size=3,
        max_size=8,
    )


@pytest.mark.parametrize("path", PATHS)
def test_every_request_body_gets_a_documented_answer_and_breaks_no_promise(
    alice: Page, bob: Page, path: str
) -> None:
    @fuzz("stories of odd bodies", examples=3, requests=requests_to(path))
    def answered(requests: list[tuple[Any, ...]]) -> None:
        with forgotten():
            goods, story = Goods(), Story(alice, bob)
            for body, content_type, length, signed_in, fault in requests:
                TRIED["bodies of callbacks"] += 1
                content = story.told(body)
                if fault is not None:
                    alice.pi.faults.add(fault)
                response = alice.client.generic(
                    "POST",
                    path,
                    content_type=content_type,
                    headers={"Authorization": f"Bearer {alice.token}"} if signed_in else {},
                    **{"wsgi.input": io.BytesIO(content), "CONTENT_LENGTH": length or str(len(content))},
                )
                alice.pi.faults.clear()
                check_documented(path, response)
            assert broken(alice.pi, goods) == []
