// What host/client/warm.js gives: the bus's files in the browser's cache, before there is a bus.

export interface WarmOptions {
  /** The address of the bus page, as for `embed`. */
  src: string | URL;
  /** The limit for all of it, in milliseconds. Default: 60,000. */
  timeout?: number | undefined;
  /** Ends the warm-up: the promise then resolves to false. */
  signal?: AbortSignal | undefined;
  /** The element that gets the hidden iframe meanwhile. Default: the body. */
  container?: Element | undefined;
}

/**
 * Downloads the files of a bus into the browser's cache, at low priority, and runs nothing: for a page with a
 * sign-in button and no bus. Resolves to whether all of them are there; never rejects. Resolves to false at once
 * where the user saves data (`navigator.connection.saveData`). Throws TypeError for a bad `src` or `timeout`,
 * and where there is no page. (Importing this module is harmless on a server.)
 */
export declare function warm(options: WarmOptions): Promise<boolean>;
