// Paying an order. The SDK's callbacks only post: our server decides, and in the end the page shows what the
// server says. Nothing in here can make a payment count twice.

import { insist, request } from "./api.js";
import { currentToken, forget, signedIn } from "./session.js";
import { hasPhrase, phrase, say } from "./phrases.js";

// The payment under way in this window: { reference, said, live, at, step, refused, message }.
// `said` is a key of phrases.html; `live` while something may still happen, and nobody may pay again.
let current = null;

// Longer than the SDK takes to give up on a wallet that does not answer.
const SILENCE_SECONDS = 150;
// Later than the SDK would call again, and as often as it would.
const REPEAT_SECONDS = 12;
const REPEATS = 6;

// Browsers let the wallet open only directly after a tap, so nothing may be awaited first.
export function pay(button) {
  if (current?.live) return;
  const payment = JSON.parse(button.dataset.pay);
  button.disabled = true;
  const own = (current = { reference: payment.metadata.order });
  tell(own, "opening");
  try {
    Promise.resolve(window.Pi.createPayment(payment, callbacks(own))).catch((error) => notOpened(own, error));
  } catch (error) {
    notOpened(own, error);
  }
}

const callbacks = (own) => ({
  onReadyForServerApproval: (paymentId) => approve(own, paymentId),
  onReadyForServerCompletion: (paymentId, txid) => complete(own, paymentId, txid),
  onCancel: (paymentId) => cancel(own, paymentId),
  onError: (error, payment) => report(own, error, payment),
});

// The SDK repeats this one and the next every ten seconds until Pi has what it needs.
async function approve(own, paymentId) {
  begin(own, "approve", "approval");
  try {
    await post("approve", { paymentId });
    if (own.step === "approve") tell(own, "signature");
  } catch (refusal) {
    if (isAway(refusal)) tell(own, awayPhrase(refusal));
    else refuse(own, refusal);
  }
  refresh();
}

async function complete(own, paymentId, txid, repeats = REPEATS) {
  begin(own, "complete", "finishing");
  clearTimeout(own.again);
  try {
    await post("complete", { paymentId, txid });
  } catch (refusal) {
    if (isAway(refusal)) {
      tell(own, awayPhrase(refusal));
      completeAgain(own, paymentId, txid, repeats - 1);
    }
  }
  refresh();
}

// If only the answer was lost, Pi has completed the payment and the SDK will not call again. So we do.
function completeAgain(own, paymentId, txid, repeats) {
  clearTimeout(own.again);
  const again = () => own === current && own.live && complete(own, paymentId, txid, repeats);
  if (repeats) own.again = setTimeout(again, REPEAT_SECONDS * 1000);
}

// The SDK does not repeat this one, so we do.
async function cancel(own, paymentId) {
  own.step = "cancel";
  const onWaiting = (refusal) => tell(own, awayPhrase(refusal));
  const { status } = await insist(() => post("cancel", { paymentId }), { onWaiting }).catch(() => ({}));
  if (status === "cancelled") tell(own, own.refused ?? "cancelled");
  else clearCurrent(own);
  refresh();
}

async function report(own, error, payment) {
  own.step = "error";
  const text = `${error?.name ?? "Error"}: ${error?.message ?? error}`;
  const isPending = /pending payment/i.test(text);
  tell(own, isPending ? "pending_payment" : (own.refused ?? "wallet_failed"), own.message ?? error?.message);
  await post("error", { paymentId: payment?.identifier, error: text }).catch(() => {});
  refresh();
}

// A payment of an earlier visit is still open, and Pi refuses new ones until it is settled. The SDK reports it
// once, perhaps before sign-in, so we keep trying.
export async function settleIncomplete(payment) {
  if (isUnderWay(payment)) return;
  const { status } = await insist(() => post("incomplete", { payment })).catch(() => ({}));
  if (status === "completed") say("recovered", document.getElementById("notices"));
  refresh();
}

// At a second sign-in the SDK also reports the payment in the buyer's open wallet. We recognise it by its order:
// its identifier may reach us after the report.
const isUnderWay = ({ metadata }) => Boolean(current?.live) && metadata?.order === current.reference;

// The callbacks work for strangers too, so an expired token must not hold up a payment.
async function post(step, body) {
  const token = currentToken();
  try {
    return await request(`/payments/${step}`, { body, token });
  } catch (refusal) {
    if (refusal.status !== 401 || !token) throw refusal;
    forget(token);
    return request(`/payments/${step}`, { body });
  }
}

// Our server has cancelled the payment at Pi; the wallet closes by itself and reports a cancellation.
function refuse(own, { code, message }) {
  own.message = message;
  own.refused = code === "payment_cancelled" ? "cancelled" : hasPhrase(code) ? code : "refused";
  tell(own, own.refused, message);
}

// Usually the SDK has lost this visit's consent; signing in again fixes that.
function notOpened(own, error) {
  if (own.step) return;
  tell(own, "wallet_shut");
  post("error", { error: `${error?.name}: ${error?.message}` }).catch(() => {});
  forget(currentToken());
  signedIn().then(refresh, () => {});
}

const isAway = ({ code, status }) => code === "offline" || status === 429 || status >= 500;
const awayPhrase = ({ code }) => (code === "offline" ? "offline" : "pi_unreachable");

// What the page says ----------------------------------------------------------------------------------

function begin(own, step, key) {
  if (own.step !== step) tell(own, key);
  own.step = step;
}

function tell(own, key, message) {
  if (own !== current) return;
  Object.assign(own, { said: key, message, live: phrase(key).live, at: Date.now() });
  draw();
}

// This window has nothing more to say about the payment: from here on the page shows the server's word only.
function clearCurrent(own) {
  if (own !== current) return;
  current = null;
  draw();
}

// Shows the payment under way on the page of its order, and nothing anywhere else.
export function draw() {
  const page = document.getElementById("order-page");
  if (!page) return;
  const own = current?.reference === page.dataset.order ? current : null;
  const panel = document.getElementById("payment");
  page.toggleAttribute("data-busy", Boolean(own?.live));
  for (const button of page.querySelectorAll("[data-pay]")) button.disabled = Boolean(own?.live);
  panel.hidden = !own;
  if (panel.dataset.said === own?.said) return;
  panel.dataset.said = own?.said ?? "";
  panel.classList.toggle("verdict-wait", Boolean(own?.live));
  panel.querySelector(".verdict-words").replaceChildren(...(own ? [phrase(own.said, own).words] : []));
}

// A buyer who leaves the page has read the message.
export function leave() {
  if (current && !current.live) current = null;
}

// Following the server ----------------------------------------------------------------------------------

export function refresh() {
  const receipt = document.getElementById("order");
  if (receipt) window.htmx.trigger(receipt, "refresh");
}

// A new receipt is on the page. If the server knows the outcome, there is nothing left for us to say.
export function follow(receipt) {
  const page = document.getElementById("order-page");
  if (!current || current.reference !== page.dataset.order) return;
  const { verdict } = receipt.dataset;
  if (verdict === "finishing" && current.said !== "finishing") tell(current, "finishing");
  const isOpen = ["pending", "signature", "finishing"].includes(verdict);
  // Cancelled here, yet being paid: in another window.
  const isElsewhere = current.said === "cancelled" && verdict !== "pending";
  if (!isOpen || isElsewhere) clearCurrent(current);
  draw();
}

// True while the page should ask the server every few seconds.
export function isWatching() {
  const receipt = document.querySelector("#order .receipt");
  if (!receipt) return false;
  const silent = current?.live && Date.now() - current.at > SILENCE_SECONDS * 1000;
  if (silent && receipt.dataset.verdict === "pending") clearCurrent(current);
  // It is past its time: the next clean-up will expire it within minutes, and the page should show that.
  const isPastTime = Date.parse(receipt.dataset.until) < Date.now();
  return Boolean(current?.live || isPastTime || "watch" in receipt.dataset);
}
