/** Dialogs over the app, inside the phone: one at a time; they block the app. */

import { byId } from "./dom.js";

const frame = byId("app-frame");
let returnFocus = null;

/** Show the dialog and focus one of its buttons. */
export const openSheet = (sheet, focus) => {
  returnFocus ??= document.activeElement;
  sheet.hidden = false;
  frame.inert = true;
  focus?.focus({ preventScroll: true });
};

export const closeSheet = (sheet) => {
  if (sheet.hidden) return;
  sheet.hidden = true;
  frame.inert = Boolean(document.querySelector(".curtain:not([hidden])"));
  if (!frame.inert) {
    returnFocus?.focus?.({ preventScroll: true });
    returnFocus = null;
  }
};

/** Show two buttons and wait; return true for yes, false for no or Escape. */
export const askSheet = (sheet, yes, no) =>
  new Promise((resolve) => {
    const listening = new AbortController();
    const answer = (value) => {
      listening.abort();
      closeSheet(sheet);
      resolve(value);
    };
    const { signal } = listening;
    yes.addEventListener("click", () => answer(true), { signal });
    no.addEventListener("click", () => answer(false), { signal });
    sheet.addEventListener("keydown", (event) => event.key === "Escape" && answer(false), { signal });
    sheet.addEventListener("dismiss", () => answer(false), { signal });
    openSheet(sheet, yes);
  });

/** Close any open dialog, as the phone does when the app is closed. */
export const dismissSheets = () => {
  for (const sheet of document.querySelectorAll(".curtain:not([hidden])")) {
    sheet.dispatchEvent(new Event("dismiss"));
    closeSheet(sheet);
  }
};
