// What needs no browser: whether a message is a request, its text, and which requests wait for Python.
//
// The first half of the page's first script; the build puts it before early.js, in the same file. It
// uses no window and no event, so that Node can test it alone (tests/unit/test_requests_js.py).
"use strict";

(() => {
  const MAX_WAITING = 64;
  const MAX_BYTES = 65536;
  const MAX_DEPTH = 64;
  // Browsers from before 2023 lack the one or both: they get an answer as well, if it is BOOT_FAILED.
  // biome-ignore lint/suspicious/noPrototypeBuiltins: what stands in for hasOwn cannot call it
  Object.hasOwn ??= (object, key) => Object.prototype.hasOwnProperty.call(object, key);
  String.prototype.isWellFormed ??= function () {
    return !/\p{Surrogate}/u.test(String(this));
  };
  const hasOwn = Object.hasOwn;

  // ---- data to text ------------------------------------------------------------------------

  // `fromBus` are the types that only the bus sends: to answer them would cause loops.
  const isRequestType = (type, fromBus) =>
    typeof type === "string" &&
    type.length <= 64 &&
    /^[A-Z][A-Z0-9_]*\.[A-Z][A-Z0-9_]*$/.test(type) &&
    !/_(FULFILLED|REJECTED)$/.test(type) &&
    !fromBus.includes(type);

  const isPlain = (value) =>
    value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype;

  // What keeps a value from being JSON-shaped, as a sentence without the value; or null.
  // `left.bytes` is counted down by what the JSON text has at least, so that a huge value ends
  // the walk early; a cycle ends at MAX_DEPTH.
  const problemIn = (value, path, depth, left) => {
    // Cut, but not within a surrogate pair: a sentence must be well-formed too.
    const at = () => (path.length > 128 ? `${path.slice(0, 128).replace(/[\ud800-\udbff]$/, "")}…` : path);
    left.bytes -= typeof value === "string" ? value.length + 2 : 1;
    if (left.bytes < 0) return `The message is larger than ${MAX_BYTES} bytes of JSON.`;
    switch (typeof value) {
      case "string":
        return value.isWellFormed() ? null : `${at()} is not well-formed: it holds a lone surrogate.`;
      case "boolean":
        return null;
      case "number":
        return Number.isFinite(value) ? null : `${at()} is not a finite number.`;
      case "object":
        break;
      default:
        return `${at()} is of type ${typeof value}, which JSON does not have.`;
    }
    if (value === null) return null;
    if (depth > MAX_DEPTH) return `The payload is nested deeper than ${MAX_DEPTH} levels.`;
    const keys = Object.keys(value);
    if (Array.isArray(value)) {
      // Holes and named properties both show in the keys, and both would be lost.
      if (value.length > left.bytes) return `The message is larger than ${MAX_BYTES} bytes of JSON.`;
      if (keys.length !== value.length || keys.some((key, i) => key !== String(i)))
        return `${at()} is an array with holes or names.`;
    } else if (!isPlain(value)) return `${at()} is not a plain object, array, string, number, boolean or null.`;
    for (const key of keys) {
      if (!key.isWellFormed()) return `${at()} has a key that is not well-formed.`;
      const found = problemIn(value[key], `${path}.${key}`, depth + 1, left);
      if (found) return found;
      left.bytes -= Array.isArray(value) ? 1 : key.length + 3;
    }
    return null;
  };

  // A message that got past the gate, as {type, id, problem, text, bytes, payload}, the last two only
  // where there is no problem; or null if it is no request. `ports` is how many came along.
  const read = (data, ports, fromBus) => {
    if (!isPlain(data) || !hasOwn(data, "type") || !isRequestType(data.type, fromBus)) return null;
    /** @type {{type: string, id?: string}} */
    const message = { type: data.type };
    /** @type {string | null} */
    let problem = null;
    if (hasOwn(data, "id")) {
      const { id } = data;
      if (typeof id === "string" && id.length >= 1 && id.length <= 128 && id.isWellFormed()) message.id = id;
      else problem = "The id is not a well-formed string of 1 to 128 characters.";
    }
    if (ports > 1) problem = "More than one port came with the message.";
    else if (!hasOwn(data, "payload") || !isPlain(data.payload)) problem ??= "The payload is not a plain object.";
    else problem ??= problemIn(data.payload, "payload", 1, { bytes: MAX_BYTES });
    if (!problem) {
      const text = JSON.stringify({ ...message, payload: data.payload });
      const bytes = new TextEncoder().encode(text).length;
      if (bytes <= MAX_BYTES) return { ...message, problem, text, bytes, payload: data.payload };
      problem = `The message is larger than ${MAX_BYTES} bytes of JSON.`;
    }
    return { ...message, problem, text: JSON.stringify({ ...message, problem }) };
  };

  // ---- what waits for Python ---------------------------------------------------------------

  // Before Python serves: which messages wait, and which are answered for Python, in the protocol's
  // order. `types` are those that the bus serves.
  const queue = (types) => {
    const waiting = new Map(); // number -> {id, text, good, more}

    // The requests that wait under an id and may take a slot: those that will only be answered
    // UNKNOWN_TYPE or INVALID_MESSAGE do not. Usually one: see `add`.
    const under = (id) =>
      id === undefined ? [] : [...waiting].filter(([, one]) => one.good && one.id === id).map(([number]) => number);

    return Object.freeze({
      // Returns what is to be done at once, in order: {number, error: [code, message]} is a rejection,
      // {number, reason} silence, with or without a reason to tell. Nothing if the message waits; then
      // `more` is kept with it.
      add(number, { type, id, problem, text, payload }, more) {
        if (type === "BUS.CANCEL") {
          const fits = !problem && Object.keys(payload).length === 1;
          const [first, ...again] = fits ? under(payload.id) : [];
          const silent = [number, ...again].map((each) => ({ number: each }));
          if (!first) return silent;
          return [{ number: first, error: ["CANCELLED", "The host cancelled the request."] }, ...silent];
        }
        const served = types.includes(type);
        const good = served && !problem;
        // An equal message is a second delivery. A different one with that id waits for Python to
        // decide: if the first one's payload is invalid, the id will be free by then.
        const [first] = good ? under(id) : [];
        if (first && (waiting.size >= MAX_WAITING || waiting.get(first).text === text))
          return [{ number, reason: "a second delivery" }];
        if (waiting.size < MAX_WAITING) {
          waiting.set(number, { id, text, good, more });
          return [];
        }
        const reject = (code, message) => [{ number, error: [code, message] }];
        if (!served) return reject("UNKNOWN_TYPE", "This bus does not serve messages of this type.");
        if (problem) return reject("INVALID_MESSAGE", problem);
        return reject("OVERLOADED", `${MAX_WAITING} requests wait for Python already.`);
      },
      forget: (number) => waiting.delete(number),
      // All waiting messages, in order, as [number, text, more]; without those that were forgotten meanwhile.
      *[Symbol.iterator]() {
        for (const [number, { text, more }] of waiting) yield [number, text, more];
      },
      clear: () => waiting.clear(),
    });
  };

  globalThis.ssoRequests = Object.freeze({ MAX_WAITING, MAX_BYTES, MAX_DEPTH, isRequestType, read, queue });
})();
