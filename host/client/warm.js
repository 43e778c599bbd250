// The warm-up module, for a page that has a sign-in button but no bus.
//
//   import { warm } from "./warm.js";
//   warm({ src: "https://bus.example.com/" });
//
// While the user reads the page or types a password, the browser downloads the files of the bus into its
// cache, at low priority. The page that embeds the bus later finds them there. It runs, sends and stores
// nothing else. All times are milliseconds.

/** @import {WarmOptions} from "./warm.js" */

const LONGEST = 2 ** 31 - 1; // the longest time that setTimeout accepts

/**
 * Downloads a bus's files into the browser's cache.
 * `src`: the address of the bus page, as for `embed`. `timeout`: the limit for all of it. `signal`: ends it.
 * `container`: the element that gets the hidden iframe during the warm-up.
 * Returns a promise of whether all files are in the cache. It never rejects. It is false at once if the user
 * saves data. Throws TypeError for a bad `src` or `timeout`, and if there is no page.
 * @param {WarmOptions} options
 * @returns {Promise<boolean>}
 */
export function warm({ src, timeout = 60_000, signal, container = globalThis.document?.body }) {
  if (!container) throw new TypeError("The container of the iframe is not there (yet): call this in a browser.");
  if (timeout !== +timeout) throw new TypeError("timeout must be a number of milliseconds."); // catches NaN as well
  const url = new URL("warm.html", new URL(src, document.baseURI));
  if (!/^https?:$/.test(url.protocol)) throw new TypeError(`src must be an http(s) address, not ${url.protocol}`);
  const { connection } = /** @type {any} */ (navigator); // only in Chromium
  if (signal?.aborted || connection?.saveData) return Promise.resolve(false);

  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    const life = new AbortController(); // its signal removes the listeners
    const iframe = Object.assign(document.createElement("iframe"), {
      src: url.href,
      title: "Single sign-on",
      hidden: true,
      tabIndex: -1,
      ariaHidden: "true",
      referrerPolicy: "no-referrer", // the bus's server need not know this page's address
    });
    /** @type {(warm: boolean) => void} */
    const end = (warm) => {
      life.abort();
      clearTimeout(timer);
      port1.close();
      iframe.remove(); // which ends its downloads
      resolve(warm);
    };
    const timer = setTimeout(end, Math.min(timeout, LONGEST), false);
    const once = { once: true, signal: life.signal };
    signal?.addEventListener("abort", () => end(false), once);
    iframe.addEventListener("load", () => iframe.contentWindow?.postMessage("warm", url.origin, [port2]), once);
    port1.onmessage = ({ data }) => end(data);
    // The page's own files come first.
    const begin = () => container.append(iframe);
    if (document.readyState === "complete") begin();
    else addEventListener("load", begin, once);
  });
}
