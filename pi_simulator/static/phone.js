/** The phone: its pioneer, the app that is open, and the latest state of Pi. */

import { byId } from "./dom.js";
import { command, readState } from "./pi.js";
import { notice } from "./question.js";
import { dismissSheets, openSheet } from "./sheet.js";
import { forgetPayment } from "./wallet.js";

const frame = byId("app-frame");
const query = new URLSearchParams(location.search);

/** Return the URL if it is http or https, else null. */
export const webAddress = (text) => {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url && /^https?:$/.test(url.protocol) ? url : null;
};

const state = await readState();

export const phone = {
  frame,
  state,
  shop: webAddress(query.get("shop")) ?? new URL(state.shop),
  pioneer: state.pioneers[0]?.username ?? "alice",
  accessToken: null,
  repeatAfter: query.has("repeat") ? Number(query.get("repeat")) : undefined,
};

/** Load the app's entry page, as the Pi Browser's refresh does, and close an open dialog. */
export const openApp = () => {
  forgetPayment();
  dismissSheets();
  phone.accessToken = null;
  frame.src = phone.shop.href;
};

/** Close the app while it is in use; callbacks that it was waiting for are lost. */
export const closeApp = () => {
  forgetPayment();
  frame.src = "about:blank";
  openSheet(byId("closed"), byId("reopen-app"));
};

/** Give the phone to a pioneer, new or known, and open the app. */
export const takeUp = async (pioneer) => {
  try {
    await command("/pioneers", { username: pioneer });
    phone.pioneer = pioneer;
  } catch (error) {
    notice(error.message);
  }
  openApp();
};

export const paymentOf = (identifier) =>
  phone.state.payments.find((payment) => payment.identifier === identifier);

export const holder = () =>
  phone.state.pioneers.find(({ username }) => username === phone.pioneer);
