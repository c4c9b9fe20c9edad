/** The payments that Pi knows, with what a buyer, or the chain, can still do to them. */

import { byId, make, renderOnChange } from "./dom.js";
import { amountText, command, isClosed, short } from "./pi.js";

export const showPayments = (payments, unit) => {
  const shown = payments.map(({ approval_seconds_left, ...payment }) => payment);
  renderOnChange(byId("payments"), shown, () =>
    payments.length
      ? payments.map((payment) => row(payment, unit))
      : [make("li", { class: "empty" }, "No payments yet. Buy something on the phone.")],
  );
};

const row = (payment, unit) =>
  make(
    "li",
    { class: "payment", "data-payment": payment.identifier },
    make(
      "div",
      { class: "payment-head" },
      make("strong", {}, `${amountText(payment.amount)} ${unit}`),
      make("span", { class: "payment-memo" }, payment.memo),
      make("span", { class: "mono", title: payment.identifier }, short(payment.identifier)),
    ),
    make("p", { class: "flags" }, ...flags(payment)),
    make("div", { class: "payment-actions" }, ...actions(payment)),
  );

const flags = (payment) => {
  const { status, transaction } = payment;
  const all = [
    [payment.username, "who"],
    [payment.direction === "app_to_user" && "to pioneer", "who"],
    [payment.app !== "shop" && `app ${payment.app}`, "who"],
    [status.developer_approved && "approved", "good"],
    [payment.signed && "signed", "good"],
    [payment.signed && !transaction && "unknown to Pi", "warn"],
    [status.transaction_verified && "verified", "good"],
    [transaction && !transaction.verified && "unverified", "warn"],
    [status.developer_completed && "completed", "done"],
    [payment.expired && "expired", "bad"],
    [status.cancelled && "cancelled", "bad"],
    [status.user_cancelled && "user cancelled", "bad"],
  ];
  return all
    .filter(([text]) => text)
    .map(([text, tone]) => make("span", { class: "flag", "data-tone": tone }, text));
};

const actions = (payment) => {
  const open = !payment.signed && !isClosed(payment) && payment.direction === "user_to_app";
  const approved = payment.status.developer_approved;
  const all = [
    [open && approved, "Sign unseen by Pi", "sign", { recorded: false }],
    [open && !approved, "Let the window elapse", "expire", {}],
    [open, "Cancel as the buyer", "cancel", {}],
    [payment.signed && !payment.transaction, "Let Pi see the transaction", "record", {}],
  ];
  return all
    .filter(([possible]) => possible)
    .map(([, text, verb, fields]) =>
      make(
        "button",
        {
          class: "button small",
          type: "button",
          "data-action": verb,
          onclick: () => command(`/payments/${payment.identifier}/${verb}`, fields).catch(() => {}),
        },
        text,
      ),
    );
};
