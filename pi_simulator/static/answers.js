/** The Pi Browser's half of the SDK: an answer for each type of message. */

import { consent } from "./consent.js";
import { closeApp, holder, paymentOf, phone, webAddress } from "./phone.js";
import { command, isClosed, readState } from "./pi.js";
import { ask, notice } from "./question.js";
import { outcomeOf, startPayment } from "./wallet.js";

const PENDING =
  "You already have a pending payment on this app, which needs an action from the developer.";

const openConsent = async ({ scopes = [] }) => {
  phone.state = await readState();
  const token = await consent({
    app: phone.shop.host,
    pioneer: phone.pioneer,
    granted: holder()?.granted ?? [],
    scopes,
  });
  if (token === undefined) return undefined;
  phone.accessToken = token;
  return { cancelled: token === null };
};

const communicationInformation = () => ({
  accessToken: phone.accessToken,
  backendURL: `${location.origin}/v2`,
  frontendURL: location.origin,
  repeatAfter: phone.repeatAfter,
});

/** Only a payment with a transaction blocks a new one; any other is replaced by it. */
const preparePayment = async () => {
  const { payment } = await command("/incomplete", { username: phone.pioneer });
  return payment?.transaction ? { pending: true, pendingPayment: payment } : { pending: false };
};

const showPrePaymentError = ({ paymentError }) => {
  notice(paymentError === "pending_payment" ? PENDING : `Pi refused the payment: ${paymentError}`);
  return {};
};

const startFlow = async ({ paymentId }) => {
  phone.state = await readState();
  const payment = paymentOf(paymentId);
  if (payment?.username !== phone.pioneer) return undefined;
  const { network } = phone.state;
  startPayment(payment, { app: phone.shop.host, network, onAppClosed: closeApp });
  return {};
};

const decideRetrial = async ({ targetStatus, paymentId }) => {
  phone.state = await readState();
  const payment = paymentOf(paymentId);
  return { retry: Boolean(payment) && isAwaited(payment, targetStatus) };
};

const isAwaited = (payment, targetStatus) =>
  targetStatus === "developerApproved"
    ? !payment.status.developer_approved && !isClosed(payment)
    : !payment.status.developer_completed;

const copyText = async ({ text }) => {
  await navigator.clipboard?.writeText(String(text)).catch(() => {});
  notice("Copied");
  return {};
};

const requestPermission = async ({ permission }) => ({
  granted: await ask("Allow this app?", `It wants to use: ${permission}`, "Allow"),
});

const openInSystemBrowser = async ({ url }) => {
  const target = webAddress(String(url));
  const yes = target && (await ask("Leave the Pi Browser?", target.href, "Open"));
  if (!yes) return { success: false, message: "Failed to open URL" };
  window.open(target.href, "_blank", "noopener");
  return { success: true };
};

const share = async ({ title, sharingMessage }) => {
  await ask(String(title), String(sharingMessage), "Share");
  return {};
};

const openConversation = ({ conversationId }) => {
  notice(`Conversation ${conversationId} would open here.`);
  return {};
};

export const answers = {
  "@pi:app:sdk:open_consent_modal": openConsent,
  "@pi:app:sdk:communication_information_request": communicationInformation,
  "@pi:app:payments:prepare_payment_flow": preparePayment,
  "@pi:app:payments:show_pre_payment_error": showPrePaymentError,
  "@pi:app:payments:start_payment_flow": startFlow,
  "@pi:app:payments:wait_for_transaction": ({ paymentId }) => outcomeOf(paymentId),
  "@pi:app:sdk:decide_callback_retrial": decideRetrial,
  "@pi:app:sdk:check_native_features": () => ({ features: ["inline_media", "request_permission"] }),
  "@pi:app:sdk:copy_text_from_tpa": copyText,
  "@pi:app:sdk:request_native_permission": requestPermission,
  "@pi:app:sdk:open_url_in_system_browser": openInSystemBrowser,
  "@pi:app:share_dialog:open": share,
  "@pi:app:conversation:open_with_id": openConversation,
  "@pi:app:sdk:track_location": () => ({}),
  "@pi:app:error:auth": () => ({}),
  "@pi:app:error:unknown": () => ({}),
};
