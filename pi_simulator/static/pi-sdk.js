/**
 * A stand-in for Pi's SDK with the same names, written from its observed behaviour.
 *
 * It sends JSON strings {id, type, payload} to the page around it, the simulated Pi Browser, and
 * calls the Platform API with the token that it gets there. Outside that browser nobody answers, and
 * `authenticate` times out, as with the real one.
 */
(() => {
  "use strict";

  const HOST = new URL(document.currentScript.src).origin;
  const MESSAGE_TIMEOUT = 120_000;
  const REQUEST_TIMEOUT = 20_000;
  const REPEAT_AFTER = 10_000;
  const REPEATS = 5;
  const VERSIONS = ["2.0"];
  const SCOPES = [
    "payments",
    "username",
    "roles",
    "platform",
    "wallet_address",
    "preferred_language",
    "in_app_notifications",
  ];

  // Talking to the Pi Browser

  const waiting = new Map();
  let nextId = 0;

  /** Send a message and return its answer; give up after `patience` ms, or never if it is 0. */
  const ask = (type, payload, patience = MESSAGE_TIMEOUT) =>
    new Promise((resolve, reject) => {
      const id = nextId++;
      waiting.set(id, resolve);
      if (patience) {
        setTimeout(() => {
          if (!waiting.delete(id)) return;
          reject(new Error(`Messaging promise with id ${id} timed out after ${patience}ms.`));
        }, patience);
      }
      window.parent.postMessage(JSON.stringify({ id, type, payload }), HOST);
    });

  window.addEventListener("message", (event) => {
    if (event.origin !== HOST || typeof event.data !== "string") return;
    const answer = parsed(event.data);
    const resolve = waiting.get(answer?.id);
    if (!resolve) return;
    waiting.delete(answer.id);
    resolve(answer.payload ?? {});
  });

  const parsed = (text) => {
    try {
      return JSON.parse(text);
    } catch {
      return null;
    }
  };

  const tell = (type, payload) => ask(type, payload).catch(() => {});

  /** Ask for something that PiNet does not support, and return the answer's payload. */
  const askNative = async (type, payload) => {
    demandInit();
    const answer = await ask(type, payload);
    if (answer.pinet_unsupported) throw new Error("Method unsupported in PiNet.");
    return answer;
  };

  // Talking to the Platform API

  let session = null;

  const request = async (method, path, body) => {
    const response = await fetch(session.backendURL + path, {
      method,
      headers: {
        Authorization: `Bearer ${session.accessToken}`,
        ...(body && { "Content-Type": "application/json" }),
      },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT),
    });
    const answer = await response.json();
    if (response.ok) return answer;
    tell(`@pi:app:error:${[401, 403].includes(response.status) ? "auth" : "unknown"}`);
    const error = new Error(answer.error_message || answer.error);
    throw Object.assign(error, { status: response.status, body: answer });
  };

  // Signing in

  let initialized = false;
  let consented = [];
  let onIncompletePaymentFound = () => {};

  const demandInit = () => {
    if (!initialized) {
      throw new Error("Pi Network SDK was not initialized. Call init() before any other method.");
    }
  };

  const authenticate = async (scopes, onIncomplete) => {
    demandInit();
    if (!scopes.every((scope) => SCOPES.includes(scope))) {
      throw new Error("Invalid scopes found. Please check the scopes you're requesting again.");
    }
    const consent = await ask("@pi:app:sdk:open_consent_modal", { scopes });
    if (consent.cancelled) throw new Error("User consent cancelled.");
    if (consent.pinet_unsupported) throw new Error("Method unsupported in PiNet.");

    session = await ask("@pi:app:sdk:communication_information_request");
    if (!session.accessToken) throw new Error("Authentication failed.");
    onIncompletePaymentFound = onIncomplete;
    const user = await request("GET", "/me").catch(() => {
      throw new Error("Authentication failed.");
    });
    consented = user.credentials.scopes;
    reportIncompletePayment();
    return { accessToken: session.accessToken, user };
  };

  /** Not awaited: the app may learn of an old payment before it has signed the buyer in. */
  const reportIncompletePayment = async () => {
    const found = await request("GET", "/payments/incomplete").catch(() => null);
    if (found?.exists) onIncompletePaymentFound(found.payment);
  };

  // Paying

  const createPayment = (terms, callbacks) => {
    demandInit();
    if (!consented.includes("payments")) {
      throw new Error('Cannot create a payment without "payments" scope');
    }
    pay(terms, callbacks).catch((error) => callbacks.onError(error));
  };

  const pay = async ({ amount, memo, metadata }, callbacks) => {
    const prepared = await ask("@pi:app:payments:prepare_payment_flow");
    if (prepared.pending) return refusePending(prepared.pendingPayment, callbacks);

    const payment = await open({ amount, memo, metadata }, callbacks);
    if (!payment) return;
    const paymentId = payment.identifier;
    tell("@pi:app:payments:start_payment_flow", { paymentId });
    repeat("developerApproved", paymentId, () => callbacks.onReadyForServerApproval(paymentId));

    const outcome = await ask("@pi:app:payments:wait_for_transaction", { paymentId }, 0);
    if (outcome.cancelled) return callbacks.onCancel(paymentId);
    await request("POST", `/payments/${paymentId}/verify_transaction`, {}).catch(() => {});
    repeat("developerCompleted", paymentId, () =>
      callbacks.onReadyForServerCompletion(paymentId, outcome.txid),
    );
  };

  /** Create the payment at Pi. Return nothing if Pi refused; the app has been told then. */
  const open = async (terms, callbacks) => {
    try {
      return await request("POST", "/payments/user_to_app", terms);
    } catch (error) {
      const paymentError = error.body?.error ?? "pending_check_failed";
      if (paymentError === "pending_payment") {
        refusePending(error.body.payment, callbacks);
      } else {
        tell("@pi:app:payments:show_pre_payment_error", { paymentError });
        callbacks.onError(error);
      }
      return null;
    }
  };

  const refusePending = (payment, callbacks) => {
    tell("@pi:app:payments:show_pre_payment_error", { paymentError: "pending_payment" });
    callbacks.onError(new Error("A pending payment needs to be handled."), payment);
    onIncompletePaymentFound(payment);
  };

  /** Make a callback now and every ten seconds while the Pi Browser waits for its effect. */
  const repeat = async (targetStatus, paymentId, callback) => {
    for (let left = REPEATS; ; left--) {
      callback();
      await new Promise((resolve) => setTimeout(resolve, session.repeatAfter ?? REPEAT_AFTER));
      const payload = { targetStatus, paymentId };
      const { retry } = await ask("@pi:app:sdk:decide_callback_retrial", payload).catch(() => ({}));
      if (!retry || left === 0) return;
    }
  };

  // The rest of the phone

  const unsupportedAd = { result: "ADS_NOT_SUPPORTED" };

  window.Pi = {
    /** In the real SDK `sandbox` chooses another Pi Browser; here there is only one. */
    async init({ version } = {}) {
      if (!VERSIONS.includes(version)) throw new Error("Unrecognized version number");
      initialized = true;
    },
    authenticate,
    createPayment,
    async openShareDialog(title, sharingMessage) {
      await askNative("@pi:app:share_dialog:open", { title, sharingMessage });
    },
    async openConversation(conversationId) {
      await askNative("@pi:app:conversation:open_with_id", { conversationId });
    },
    async nativeFeaturesList() {
      return (await askNative("@pi:app:sdk:check_native_features")).features;
    },
    async copyText(text) {
      await askNative("@pi:app:sdk:copy_text_from_tpa", { text });
    },
    async requestPermission(permission) {
      const answer = await askNative("@pi:app:sdk:request_native_permission", { permission });
      return Boolean(answer.granted);
    },
    async openUrlInSystemBrowser(url) {
      const answer = await askNative("@pi:app:sdk:open_url_in_system_browser", { url });
      if (!answer.success) throw new Error(answer.message ?? "Unexpected error");
    },
    getPiHostApp() {
      return window.parent === window ? undefined : "pi-browser";
    },
    Ads: {
      isAdReady: async (type) => ({ type, ready: false }),
      requestAd: async (type) => ({ type, ...unsupportedAd }),
      showAd: async (type) => ({ type, ...unsupportedAd }),
    },
  };
})();
