// The words are in templates/phrases.html; scripts pick them by key.

const find = (key) => document.querySelector(`template[data-phrase="${CSS.escape(key)}"]`);

export const hasPhrase = (key) => find(key) !== null;

// `live` phrases are about something still in progress.
export function phrase(key, { message } = {}) {
  const template = find(key) ?? find("refused");
  const words = template.content.cloneNode(true);
  for (const gap of words.querySelectorAll("[data-fill=message]")) gap.textContent = message ?? "";
  return { words, live: "live" in template.dataset };
}

export function say(key, place, values) {
  const note = document.createElement("div");
  note.className = "note";
  note.setAttribute("hx-boost", "true"); // even inside a form that is not boosted
  note.append(phrase(key, values).words);
  place.replaceChildren(note);
  window.htmx.process(note);
}
