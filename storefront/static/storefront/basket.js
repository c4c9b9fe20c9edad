// The basket: skus and quantities in localStorage, the only thing this shop keeps in a browser.

const KEY = "basket";
const MAX_QUANTITY = 999;
let inMemory = {}; // where storage is blocked, the basket lasts for this visit

export function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return Object.fromEntries(Object.entries(kept).filter(([, quantity]) => quantity >= 1));
  } catch {
    return inMemory;
  }
}

export const lines = () => Object.entries(read()).map(([sku, quantity]) => `${sku}:${quantity}`);
export const count = () => Object.values(read()).reduce((sum, quantity) => sum + quantity, 0);

export const add = (sku, quantity) => set(sku, (read()[sku] ?? 0) + quantity);
export const set = (sku, quantity) => write({ ...read(), [sku]: Math.min(quantity, MAX_QUANTITY) });
export const replace = (quantities) => write({ ...read(), ...quantities });

export function remove(skus) {
  const rest = read();
  for (const sku of skus) delete rest[sku];
  write(rest);
}

function write(basket) {
  inMemory = basket;
  try {
    localStorage.setItem(KEY, JSON.stringify(basket));
  } catch {
    // Blocked or full: the copy in memory serves this visit.
  }
  announce();
}

const announce = () => document.body.dispatchEvent(new Event("basket-changed"));

// Another tab changed it.
window.addEventListener("storage", ({ key }) => key === KEY && announce());
