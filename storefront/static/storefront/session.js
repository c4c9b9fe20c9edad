// Who the visitor is: Pi's SDK gives us an access token, our server exchanges it for its own. That one is kept in
// this module only, so links are boosted: a full page load would lose it and ask Pi again.
//
// This is the Pi Browser if the SDK answers, whatever the user agent says.
// The state is kept in <html data-pi>: connecting, slow, in, outside, declined, away or failed.

import { insist, Refusal, request } from "./api.js";

const SCOPES = ["username", "payments"];
// Pi can take 15 seconds. After this long the page says so; we never give up before Pi does.
const SLOW_AFTER_SECONDS = 6;

let token = null;
let username = "";
let signingIn = null; // one at a time: the SDK never answers a second authenticate

export const currentToken = () => token;
export const currentUsername = () => username;

// Resolves with the token. Everything that needs one calls this; Pi is asked once per visit.
export function signedIn() {
  if (token) return Promise.resolve(token);
  signingIn ??= signIn().finally(() => (signingIn = null));
  return signingIn;
}

// A request as the pioneer. If our token has expired, authenticate again, once.
export async function asPioneer(path, options = {}) {
  const used = await signedIn();
  try {
    return await request(path, { ...options, token: used });
  } catch (refusal) {
    if (refusal.status !== 401) throw refusal;
    forget(used);
    return request(path, { ...options, token: await signedIn() });
  }
}

export function forget(used) {
  if (token === used) token = null;
}

async function signIn() {
  show("connecting");
  const slow = setTimeout(() => state() === "connecting" && show("slow"), SLOW_AFTER_SECONDS * 1000);
  try {
    const pi = await sdk();
    const { accessToken } = await pi.authenticate(SCOPES, tellIncomplete);
    const answer = await insist(() => request("/user/signin", { body: { accessToken } }), {
      times: 30,
      onWaiting: () => show("away"),
    });
    token = answer.token;
    username = answer.pioneer.username || "pioneer";
    show("in");
    return token;
  } catch (error) {
    show(whyNot(error));
    throw error;
  } finally {
    clearTimeout(slow);
  }
}

function whyNot(error) {
  if (error.code === "no_sdk" || /postMessage|timed out|unsupported/i.test(error.message)) return "outside";
  return /cancel/i.test(error.message) ? "declined" : "failed";
}

const state = () => document.documentElement.dataset.pi;

function show(next) {
  document.documentElement.dataset.pi = next;
  document.dispatchEvent(new Event("pi:state"));
}

// The SDK ---------------------------------------------------------------------------------------------

let initialised = false;

async function sdk() {
  await arrived();
  if (!window.Pi) throw new Refusal("no_sdk");
  if (!initialised) {
    const sandbox = document.querySelector("meta[name=pi-sandbox]").content === "true";
    await window.Pi.init({ version: "2.0", sandbox });
    initialised = true;
  }
  return window.Pi;
}

// The script is async and may be blocked or slow; the window's load event comes after it either way.
function arrived() {
  if (window.Pi || document.readyState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    document.getElementById("pi-sdk")?.addEventListener("load", resolve);
    window.addEventListener("load", resolve);
  });
}

// payment.js settles it.
const tellIncomplete = (payment) => document.dispatchEvent(new CustomEvent("pi:incomplete", { detail: payment }));
