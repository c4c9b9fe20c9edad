// Placing an order, up to the point where it can be paid. Paying itself is payment.js.

import { asPioneer } from "./session.js";
import * as basket from "./basket.js";
import { say } from "./phrases.js";

const OPEN = ["pending", "reserved"];
// The same request, tapped twice or retried after a lost answer, is the same order: one key per request.
const keys = new Map();
let placing = false;

// `lines` as the API takes them. Goes to the order's page, or explains why not.
export async function order(lines, { shipping, button, answer, fromBasket = false }) {
  if (placing) return;
  placing = true;
  setBusy(button, true);
  answer.replaceChildren();
  try {
    const { reference } = await place({ lines, ...(shipping && { shipping }) });
    if (fromBasket) basket.remove(lines.map(({ sku }) => sku));
    await visit(`/orders/${reference}/`);
  } catch (refusal) {
    explain(refusal, answer);
  } finally {
    placing = false;
    setBusy(button, false);
  }
}

async function place(wanted) {
  const signature = JSON.stringify(wanted);
  if (!keys.has(signature)) keys.set(signature, newKey());
  const headers = { "Idempotency-Key": keys.get(signature) };
  const placed = await asPioneer("/api/orders/", { body: wanted, headers });
  if (OPEN.includes(placed.status)) return placed;
  // That order was paid or cancelled earlier; this one is new.
  keys.delete(signature);
  return place(wanted);
}

function explain(refusal, answer) {
  if (!refusal.status && refusal.code !== "offline") return say("need_sign_in", answer);
  const key = { offline: "offline_notice", pi_unreachable: "pi_unreachable_notice", throttled: "throttled" };
  say(key[refusal.code] ?? "not_placed", answer, { message: refusal.message });
  answer.scrollIntoView({ block: "nearest" });
  // Where the basket is shown, it marks what can no longer be bought.
  document.body.dispatchEvent(new Event("basket-changed"));
}

// A boosted visit: the page changes; this script and its token stay.
export const visit = (path) =>
  window.htmx.ajax("GET", path, { target: document.body, swap: "innerHTML show:window:top", push: path });

export function setBusy(button, isBusy) {
  if (!button) return;
  button.disabled = isBusy;
  button.toggleAttribute("data-busy", isBusy);
  button.setAttribute("aria-busy", String(isBusy));
}

// crypto.randomUUID is missing where a shop is tried out over plain HTTP.
const newKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
