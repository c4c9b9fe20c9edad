"""The control panel beside the phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from pi_simulator import Simulator
from pi_simulator.faults import KINDS

from .conftest import Phone
from .tiny_shop import TinyShop


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_has_a_switch(pi: Simulator, phone: Phone, kind: str) -> None:
    switch = phone.page.locator(f"#fault-{kind}")

    with phone.page.expect_response("**/_control/faults"):
        switch.check()
    assert [fault.kind for fault in pi.faults.armed] == [kind]

    with phone.page.expect_response("**/_control/faults/clear"):
        switch.uncheck()
    assert pi.faults.armed == []


def test_a_fault_is_armed_as_chosen_and_its_switch_shows_it(pi: Simulator, phone: Phone) -> None:
    phone.page.locator("#fault-path").select_option("/approve")
    phone.page.locator("#fault-times").select_option("1")
    phone.page.locator("#fault-seconds").fill("0.5")
    with phone.page.expect_response("**/_control/faults"):
        phone.page.locator("#fault-latency").check()
    [fault] = pi.faults.armed
    assert (fault.path, fault.left, fault.seconds) == ("/approve", 1, 0.5)

    phone.sign_in()
    phone.buy()

    expect(phone.page.locator("#fault-latency")).not_to_be_checked()


def test_payments_show_their_flags_live(pi: Simulator, phone: Phone) -> None:
    payment = pi.create_payment(pi.pioneer("bob"), amount="2", memo="Coffee")
    row = phone.page.locator(f"[data-payment='{payment}']")
    expect(row).to_contain_text("2 Test-π")
    expect(row.locator(".flag")).to_have_text(["bob"])

    pi.approve(payment)
    expect(row.locator(".flag")).to_have_text(["bob", "approved"])

    row.locator("[data-action='sign']").click()
    expect(row.locator(".flag")).to_have_text(["bob", "approved", "signed", "unknown to Pi"])

    row.locator("[data-action='record']").click()
    expect(row.locator(".flag")).to_have_text(["bob", "approved", "signed", "verified"])


def test_a_text_from_the_app_is_not_read_as_html(pi: Simulator, phone: Phone) -> None:
    pi.create_payment(pi.pioneer("bob"), memo="<img src=x onerror=alert(1)>")

    expect(phone.page.locator(".payment-memo")).to_have_text("<img src=x onerror=alert(1)>")


def test_the_phone_can_be_given_to_another_pioneer(pi: Simulator, phone: Phone) -> None:
    pi.pioneer("bob", balance="7")
    expect(phone.page.locator("#pioneer option")).to_have_count(2)

    phone.page.locator("#pioneer").select_option("bob")

    expect(phone.page.locator("#balance")).to_have_text("7 Test-π")
    phone.sign_in(says="hello bob")


def test_the_phone_can_be_given_to_a_new_pioneer(phone: Phone) -> None:
    phone.page.get_by_text("Add a pioneer").click()
    phone.page.locator("#new-pioneer-name").fill("dora")
    phone.page.locator("#new-pioneer-balance").fill("0.3")
    phone.page.locator("#new-pioneer-add").click()

    expect(phone.page.locator("#balance")).to_have_text("0.3 Test-π")
    phone.sign_in(says="hello dora")


def test_the_clock_of_pi_can_be_moved(pi: Simulator, phone: Phone) -> None:
    phone.page.get_by_role("button", name="+15 min").click()

    expect(phone.page.locator("#clock-offset")).to_have_text("15 min ahead")
    assert 900 <= pi.clock.offset < 901


def test_reset_deletes_all_payments(pi: Simulator, phone: Phone) -> None:
    pi.create_payment(pi.pioneer("bob"))
    expect(phone.page.locator(".payment")).to_have_count(1)

    phone.page.locator("#reset").click()

    expect(phone.page.locator(".payment")).to_have_count(0)
    expect(phone.page.locator("#pioneer")).to_have_value("alice")


def test_the_address_can_choose_shop_and_pioneer(phone: Phone, tiny_shop: TinyShop) -> None:
    phone.take_up(f"&pioneer=zoe&shop={tiny_shop.url}tea")

    phone.sign_in(says="hello zoe")
    expect(phone.page.locator("#app-frame")).to_have_attribute("src", f"{tiny_shop.url}tea")


def test_on_a_small_screen_the_phone_fills_the_page(phone: Phone) -> None:
    phone.page.set_viewport_size({"width": 390, "height": 844})

    assert phone.page.locator(".screen").bounding_box() == {
        "x": 0,
        "y": 0,
        "width": 390,
        "height": 844,
    }
    assert phone.page.evaluate("document.documentElement.scrollWidth") == 390
