/** The dialog in which a pioneer agrees to sign in to the app. */

import { byId, make } from "./dom.js";
import { command } from "./pi.js";
import { askSheet } from "./sheet.js";

const MEANINGS = {
  username: "Your username",
  payments: "Ask you for payments",
  wallet_address: "Your wallet address, so that it can pay you back",
  roles: "Your roles in the community",
  preferred_language: "Your language",
  in_app_notifications: "Send you notifications",
  platform: "The platform you use",
};

let open = false;

/**
 * Sign the pioneer in for these scopes, asking first if one of them is new.
 *
 * Resolves to an access token, to null when the pioneer says no, and to undefined while another
 * request is open: a second `authenticate` at once is never answered, as in the real browser.
 */
export const consent = async ({ app, pioneer, granted, scopes }) => {
  if (open) return undefined;
  open = true;
  try {
    const known = scopes.every((scope) => granted.includes(scope));
    if (!known && !(await ask(app, pioneer, scopes))) return null;
    return (await command("/sign_in", { username: pioneer, scopes })).accessToken;
  } finally {
    open = false;
  }
};

const ask = (app, pioneer, scopes) => {
  byId("consent-app").textContent = app;
  byId("consent-pioneer").textContent = pioneer;
  const items = scopes.map((scope) => make("li", { "data-scope": scope }, MEANINGS[scope] ?? scope));
  byId("consent-scopes").replaceChildren(...items);
  return askSheet(byId("consent"), byId("consent-allow"), byId("consent-deny"));
};
