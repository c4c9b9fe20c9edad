// What a buyer can do on an order's page, besides paying: copy a code, cancel, change, try again.

import { Refusal } from "./api.js";
import { asPioneer, signedIn } from "./session.js";
import * as basket from "./basket.js";
import { setBusy, visit } from "./checkout.js";
import { pay, refresh } from "./payment.js";
import { say } from "./phrases.js";

const reference = () => document.getElementById("order-page").dataset.order;

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (!button) return;
  const { dataset } = button;
  if ("pay" in dataset) pay(button);
  if ("copy" in dataset) copy(button);
  if ("signIn" in dataset) signedIn().catch(() => {});
  if ("cancel" in dataset) change(button, "cancel");
  if ("reopen" in dataset) change(button, "reopen");
  if ("change" in dataset) change(button, "cancel").then((done) => done && intoBasket(dataset.change));
  if ("again" in dataset) intoBasket(dataset.again);
});

// Returns whether the server agreed; if not, the page says why.
async function change(button, step) {
  setBusy(button, true);
  try {
    await asPioneer(`/api/orders/${reference()}/${step}/`);
    return true;
  } catch (refusal) {
    const key = refusal instanceof Refusal && refusal.code === "offline" ? "offline_notice" : "refused";
    say(key, document.getElementById("order-answer"), { message: refusal.message });
    return false;
  } finally {
    setBusy(button, false);
    refresh();
  }
}

function intoBasket(quantities) {
  basket.replace(JSON.parse(quantities));
  visit("/basket/");
}

// Copies what the server sent, not what the page shows: a translator may have changed that. The clipboard may
// be closed to framed pages; then the older way is tried, and at last the code is selected.
async function copy(button) {
  const text = button.dataset.copy;
  const words = button.textContent;
  const done = await navigator.clipboard.writeText(text).then(() => true, () => copySelected(text));
  if (!done) window.getSelection().selectAllChildren(button.previousElementSibling);
  button.textContent = done ? "Copied" : "Selected";
  setTimeout(() => (button.textContent = words), 2000);
}

function copySelected(text) {
  const field = Object.assign(document.createElement("textarea"), { value: text });
  Object.assign(field.style, { position: "fixed", opacity: 0 });
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}
