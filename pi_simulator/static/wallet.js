/** The wallet's dialog: waits for the app's approval, lets the buyer sign, then for completion. */

import { byId, setText } from "./dom.js";
import { amountText, command, isClosed, short, unitOf } from "./pi.js";
import { closeSheet, openSheet } from "./sheet.js";

const sheet = byId("wallet");
const pay = byId("wallet-pay");
const cancel = byId("wallet-cancel");
const close = byId("wallet-close");

/** The text and buttons of each stage; the stage is also in `data-stage`. */
const STAGES = {
  approving: { step: "approve", cancel: true, text: "Waiting for the app to approve…" },
  ready: { step: "sign", cancel: true, pay: true, text: "The app has approved. Pay now?" },
  signing: { step: "sign", text: "Signing…" },
  completing: { step: "complete", close: true, text: "Paid. Waiting for the app to complete…" },
  done: { step: "done", close: true, text: "Done ✓" },
  expired: { close: true, text: "The app did not approve in time. Nothing was paid." },
  cancelled: { close: true, text: "The app cancelled the payment. Nothing was paid." },
};

const outcomes = new Map();
let current = null;

/** Open the dialog for a payment; `onAppClosed` runs if the phone closes the app after signing. */
export const startPayment = (payment, { app, network, onAppClosed }) => {
  current = { payment, stage: null, onAppClosed };
  byId("wallet-app").textContent = app;
  byId("wallet-amount").textContent = amountText(payment.amount);
  byId("wallet-unit").textContent = unitOf(network);
  byId("wallet-memo").textContent = payment.memo;
  byId("wallet-from").textContent = payment.username;
  byId("wallet-fee").textContent = `0.01 ${unitOf(network)}`;
  byId("wallet-identifier").textContent = short(payment.identifier);
  sheet.dataset.payment = payment.identifier;
  openSheet(sheet, cancel);
  watchPayment([payment]);
};

/** Return the outcome of the payment, once known: `{paymentId, txid}` or `{…, cancelled}`. */
export const outcomeOf = (paymentId) => awaited(paymentId).promise;

/** The SDK may wait for a payment before its dialog is open, or after its outcome is known. */
const awaited = (paymentId) => {
  if (!outcomes.has(paymentId)) {
    const entry = {};
    entry.promise = new Promise((resolve) => (entry.resolve = resolve));
    outcomes.set(paymentId, entry);
  }
  return outcomes.get(paymentId);
};

const settle = (outcome) => {
  const paymentId = current.payment.identifier;
  awaited(paymentId).resolve({ paymentId, ...outcome });
};

/** Update the dialog from the latest state of Pi. */
export const watchPayment = (payments) => {
  const payment = payments.find((each) => each.identifier === current?.payment.identifier);
  if (!payment || current.stage === "signing") return;
  current.payment = payment;
  show(stageOf(payment));
  if (payment.transaction) settle({ txid: payment.transaction.txid });
  else if (!payment.signed && isClosed(payment)) settle({ cancelled: true });
};

/** Close the dialog when the app is reloaded or closed; the payment stays as it is. */
export const forgetPayment = () => {
  current = null;
  closeSheet(sheet);
};

const stageOf = (payment) => {
  if (payment.status.developer_completed) return "done";
  if (payment.signed) return "completing";
  if (payment.expired) return "expired";
  if (isClosed(payment)) return "cancelled";
  return payment.status.developer_approved ? "ready" : "approving";
};

const show = (stage) => {
  const offers = STAGES[stage];
  const seconds = current.payment.approval_seconds_left;
  setText(byId("wallet-countdown"), stage === "approving" ? `${seconds} s` : "");
  if (stage === current.stage) return;
  current.stage = sheet.dataset.stage = stage;
  setText(byId("wallet-status"), offers.text);
  cancel.hidden = pay.hidden = Boolean(offers.close);
  cancel.disabled = !offers.cancel;
  pay.disabled = !offers.pay;
  close.hidden = !offers.close;
  markSteps(offers.step);
  (offers.close ? close : offers.pay ? pay : cancel).focus({ preventScroll: true });
};

const markSteps = (now) => {
  const steps = [...sheet.querySelectorAll("[data-step]")];
  const reached = steps.findIndex((step) => step.dataset.step === now);
  steps.forEach((step, place) => {
    step.dataset.state =
      now === "done" || place < reached ? "done" : place === reached ? "now" : "ahead";
  });
};

pay.addEventListener("click", async () => {
  const { payment, onAppClosed } = current;
  show("signing");
  try {
    const answer = await command(`/payments/${payment.identifier}/sign`);
    if (answer.close_app) return onAppClosed();
    show("completing");
    settle({ txid: answer.txid });
  } catch (error) {
    show("ready");
    setText(byId("wallet-status"), error.message);
  }
});

cancel.addEventListener("click", async () => {
  await command(`/payments/${current.payment.identifier}/cancel`).catch(() => {});
  settle({ cancelled: true });
  forgetPayment();
});

close.addEventListener("click", forgetPayment);

sheet.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !current) return;
  if (!close.hidden) forgetPayment();
  else if (!cancel.disabled) cancel.click();
});
