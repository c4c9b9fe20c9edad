// What htmx sends and shows: private parts wait for sign-in and carry the token, the basket sends its lines,
// and our error pages are shown like any other page.

import * as basket from "./basket.js";
import { currentToken, forget, signedIn } from "./session.js";
import { say } from "./phrases.js";

// Download links in a receipt are valid for ten minutes; after this long the receipt is fetched again.
const FRESH_SECONDS = 480;
const drawnAt = new WeakMap();

const isPrivate = (element) => element.matches("[data-private]");

export const isStale = (receipt) => Date.now() - (drawnAt.get(receipt) ?? Date.now()) > FRESH_SECONDS * 1000;

// Once signed in, "pi:state" fetches every private part there is.
document.addEventListener("htmx:confirm", (event) => {
  if (!isPrivate(event.detail.elt) || currentToken()) return;
  event.preventDefault();
  signedIn().catch(() => {}); // the page says why not
});

document.addEventListener("pi:state", () => {
  if (!currentToken()) return;
  for (const part of document.querySelectorAll("[data-private]")) window.htmx.trigger(part, "refresh");
});

document.addEventListener("htmx:configRequest", ({ detail: { elt, headers, formData } }) => {
  if (isPrivate(elt)) headers.Authorization = `Bearer ${currentToken()}`;
  if (elt.id === "basket") sendBasket(elt, formData);
  if (elt.id === "order") sendStamp(elt, formData);
});

function sendBasket(element, formData) {
  const buyNow = element.dataset.buyNow;
  for (const line of buyNow ? buyNow.split(" ") : basket.lines()) formData.append("line", line);
  if (buyNow) formData.append("buy", "now");
}

// The server answers "nothing new" (204) when the page shows what is true already.
function sendStamp(element, formData) {
  const receipt = element.querySelector(".receipt");
  if (receipt && !isStale(receipt)) formData.append("seen", receipt.dataset.stamp);
}

document.addEventListener("htmx:load", ({ detail: { elt } }) => {
  if (elt.matches(".receipt")) drawnAt.set(elt, Date.now());
});

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const { xhr, elt } = detail;
  const isPage = (xhr.getResponseHeader("Content-Type") ?? "").startsWith("text/html");
  if (xhr.status >= 400 && isPage) detail.shouldSwap = true;
  if (xhr.status === 401 && isPrivate(elt)) askAgain(elt);
  else delete elt.dataset.asked;
});

// Our token has expired: forget it, and the confirm hook above asks for a new one. Once, not forever.
function askAgain(element) {
  forget(currentToken());
  if (element.dataset.asked) return;
  element.dataset.asked = "again";
  window.htmx.trigger(element, "refresh");
}

document.addEventListener("htmx:sendError", ({ detail: { elt } }) => {
  // A receipt is fetched again anyway; a page that did not load needs an explanation.
  if (elt.id !== "order" || !elt.querySelector(".receipt")) say("page_failed", document.getElementById("notices"));
});
