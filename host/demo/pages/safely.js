// What Python on this page asks of JavaScript where that may throw, or where something may be missing: MicroPython cannot
// catch what a plain call throws, takes an absent property for an error, and undefined for true.
export const parse = (text) => {
  try {
    return { value: JSON.parse(text), problem: null };
  } catch (error) {
    return { value: null, problem: error.message };
  }
};

// The value as JSON text; null for what JSON does not have, such as undefined, a BigInt, or an object with a circular reference.
export const stringify = (value, keys) => {
  try {
    return JSON.stringify(value, keys) ?? null;
  } catch {
    return null;
  }
};

export const get = (value, key) => value?.[key] ?? null;
