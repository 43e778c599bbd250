// The types of host/client/warm.js, which downloads the bus's files into the browser's cache before a page embeds the bus.

export interface WarmOptions {
  /** The address of the bus page, as for `embed`. */
  src: string | URL;
  /** The limit for all of it, in milliseconds. Default: 60,000. */
  timeout?: number | undefined;
  /** Ends the warm-up when it is aborted: the promise then resolves to false. */
  signal?: AbortSignal | undefined;
  /** The element that gets the hidden iframe during the warm-up. Default: the body. */
  container?: Element | undefined;
}

/**
 * Downloads the files of a bus into the browser's cache, at low priority, and runs none of them. Use it on a
 * page that has a sign-in button and no bus. Resolves to whether all files are in the cache; never rejects.
 * Resolves to false at once if the user saves data (`navigator.connection.saveData`). Throws TypeError for a bad
 * `src` or `timeout`, and where there is no page. (Importing this module on a server is harmless.)
 */
export declare function warm(options: WarmOptions): Promise<boolean>;
