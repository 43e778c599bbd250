// What a session needs from the browser (`bus.session.ports`): storage, locks, and broadcasts to the
// other tabs. Only early.js loads this file, if the settings have [bus.session].
//
// It is JavaScript because a transaction ends when no JavaScript requests more in the same task, and
// because the early listener signs users out if Python cannot. It decides nothing: only early.js and
// Python decide which text is written, and when.

const DATABASE = "sso-bus";
const STORE = "sessions"; // key: the host's origin; value: text
const CHANNEL = "sso-bus";
const TRY = "try"; // the key of a temporary text, which shows that the storage keeps what is written

// One object store, in a database of its own; returns transact(mode, work), see there.
export function storage(indexedDB, name, store) {
  /** @type {any} */
  let opening = null; // promise of the database

  const forget = () => {
    opening = null; // the next call opens it again
  };

  const database = () =>
    (opening ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(store);
      request.onsuccess = () => {
        const opened = request.result;
        opened.onclose = forget;
        opened.onversionchange = () => {
          forget();
          opened.close();
        };
        resolve(opened);
      };
      request.onerror = () => reject(request.error);
    }).catch((error) => {
      forget();
      throw error;
    }));

  const begin = async (mode) => {
    try {
      return (await database()).transaction(store, mode);
    } catch (error) {
      // It was closed without telling this page, as WebKit does; or it is closing at this moment.
      if (error?.name !== "InvalidStateError") throw error;
      forget();
      return (await database()).transaction(store, mode);
    }
  };

  // Runs one transaction: `work` uses the object store and passes its result to `is`. Resolves to that
  // result when the transaction is complete.
  return async (mode, work) => {
    const transaction = await begin(mode);
    return new Promise((resolve, reject) => {
      let result;
      transaction.oncomplete = () => resolve(result);
      transaction.onabort = () => reject(transaction.error);
      work(transaction.objectStore(store), (value) => {
        result = value;
      });
    });
  };
}

// Makes the methods.
//   indexedDB, BroadcastChannel   the browser's own; undefined where it has none for this page
//   early   whether to test the storage now, while Python boots, and not when Python asks
// A method that fails throws, or rejects its promise. None has a time limit.
export function open({ indexedDB, BroadcastChannel }, early = false) {
  const transact = storage(indexedDB, DATABASE, STORE);

  /** @type {any} */
  let channel = null;
  /** @type {any} */
  let listener = null;
  try {
    channel = new BroadcastChannel(CHANNEL);
    channel.onmessage = ({ data }) => {
      if (typeof data === "string") listener?.(data);
    };
  } catch {} // this page then neither sends nor receives broadcasts

  const say = (text) => {
    try {
      channel?.postMessage(text);
    } catch {} // the channel is closed, because the page is
  };

  const read = (origin) =>
    transact("readonly", (store, is) => {
      store.get(origin).onsuccess = ({ target }) => is(target.result);
    });

  const swap = (origin, old, text) =>
    transact("readwrite", (store, is) => {
      store.get(origin).onsuccess = ({ target }) => {
        const same = target.result === old;
        is(same);
        if (!same) return;
        if (text === undefined) store.delete(origin);
        else store.put(text, origin);
        store.transaction.commit?.(); // at once: the browser would wait until this page has heard of the change
      };
    });

  const tryIt = async () => {
    const text = String(Math.random()); // no secret
    // If another tab tries the storage at this moment, that tab's text proves the same.
    if (!(await swap(TRY, undefined, text))) return true;
    return swap(TRY, text, undefined); // it reads the text back before it deletes it
  };
  const tried = early ? tryIt() : null;
  tried?.catch(() => {}); // `keeps` reports the failure

  return {
    // Resolves to whether the storage keeps what is written.
    keeps: () => tried ?? tryIt(),

    origins: () =>
      transact("readonly", (store, is) => {
        store.getAllKeys().onsuccess = ({ target }) => is(target.result.filter((key) => key !== TRY));
      }),

    read,

    // Replaces `old` with `text`; undefined means no text. Resolves to whether it did.
    swap,

    erase: (origin) =>
      transact("readwrite", (store) => {
        store.delete(origin);
        store.transaction.commit?.();
      }),

    // Resolves when this page holds the lock. Aborting `signal` releases the lock, or withdraws the request for
    // it. Rejects if the browser has no locks for this page.
    lock: (name, signal) =>
      /** @type {Promise<void>} */ (
        new Promise((resolve, reject) => {
          const hold = () =>
            /** @type {Promise<void>} */ (
              new Promise((release) => {
                if (signal.aborted) return release(); // aborted just now
                signal.addEventListener("abort", release);
                resolve();
              })
            );
          navigator.locks.request(name, { signal }, hold).catch(reject);
        })
      ),

    say,

    listen: (heard) => {
      listener = heard;
    },
  };
}
