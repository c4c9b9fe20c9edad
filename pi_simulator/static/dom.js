/** Helpers for the page's elements. */

export const byId = (id) => document.getElementById(id);

/** Return a new element with attributes and children; strings become text, never markup. */
export const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
};

/** Replace the children of an element, but only when `version` has changed since last time. */
export const renderOnChange = (element, version, children) => {
  const key = JSON.stringify(version);
  if (element.dataset.version === key) return;
  element.dataset.version = key;
  element.replaceChildren(...children());
};

export const setText = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};
