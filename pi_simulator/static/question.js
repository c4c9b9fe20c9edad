/** Questions and notices on the phone. */

import { byId } from "./dom.js";
import { askSheet } from "./sheet.js";

/** Ask a question with two buttons; return true for yes. */
export const ask = (title, text, yes) => {
  byId("question-title").textContent = title;
  byId("question-text").textContent = text;
  byId("question-yes").textContent = yes;
  return askSheet(byId("question"), byId("question-yes"), byId("question-no"));
};

let timer;

/** Show a line for a few seconds. */
export const notice = (text) => {
  const toast = byId("toast");
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(() => (toast.hidden = true), 5000);
};
