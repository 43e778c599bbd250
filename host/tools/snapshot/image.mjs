// Rewrites a saved memory, in which nothing runs, so that more of it is zero and compresses better. A running bus sees no
// difference. These functions know how CPython 3.14 and Emscripten's malloc (dlmalloc) lay out memory with pointers of 32
// bits, and throw an Error where it looks different.

// Takes objects out of the list that gc.freeze() has put them in, and that no collection ever visits (CPython's
// InternalDocs/garbage_collector.md, "Memory layout and object structure"). Its two pointers for each object are all
// different. An object without them counts as untracked, and is freed as before when nothing refers to it any more.
//   words      the memory, as 32-bit words
//   member     address of an object in the list
//   heapStart  where the memory that malloc() hands out begins: the list's own head is before it
// Returns how many objects there were.
export function untrack(words, member, heapStart) {
  const links = [];
  const start = member - 8;
  let at = start;
  do {
    const next = words[at >> 2] & ~3;
    if ((words[(next >> 2) + 1] & ~3) !== at) throw new Error("the garbage collector's list is not linked as expected");
    links.push(at);
    at = next;
  } while (at !== start);
  const heads = links.filter((address) => address < heapStart);
  if (heads.length !== 1) throw new Error(`the garbage collector's list has ${heads.length} heads`);
  for (const address of links) {
    const isHead = address < heapStart;
    words[address >> 2] = isHead ? address : 0;
    words[(address >> 2) + 1] = isHead ? address : words[(address >> 2) + 1] & 1; // finalized or not
  }
  return links.length - 1;
}

// Takes interned strings out of the interpreter's table that nothing in memory refers to. Those in code are immortal, and
// stay when the code is gone (CPython's InternalDocs/string_interning.md).
//   words      the memory, as 32-bit words
//   heapStart  where the memory that malloc() hands out begins
//   end        where it ends
// Returns how many there were.
export function forgetNames(words, heapStart, end) {
  const sizes = inUse(words, heapStart, end);
  const referred = new Uint8Array(words.length >> 1);
  const table = internedTable(words, sizes);
  const skip = [table.keys >> 2, (table.keys + table.bytes) >> 2];
  for (let n = 0; n < words.length; n++) {
    if (n === skip[0]) n = skip[1];
    referred[words[n] >>> 3] = 1; // the lowest bits may be flags
  }
  const gone = new Set();
  for (let n = 0; n < table.entries; n++) {
    const entry = (table.first >> 2) + 2 * n;
    const text = words[entry];
    if (!text || !sizes.has(text - 8) || referred[text >>> 3]) continue;
    const size = sizes.get(text - 8);
    words.fill(0, text >> 2, (text - 8 + size + 4) >> 2);
    words[entry] = words[entry + 1] = 0;
    gone.add(n);
  }
  const Indices = table.width === 2 ? Int16Array : Int32Array;
  const indices = new Indices(words.buffer, words.byteOffset + table.keys + 20, table.slots);
  for (const [slot, n] of indices.entries()) if (gone.has(n)) indices[slot] = -2; // DKIX_DUMMY
  words[(table.dict + 8) >> 2] -= gone.size; // ma_used
  return gone.size;
}

// Zeroes the buffer of an open file from which nothing was read: malloc() gave it out with what was in it before.
//   file  address of the BufferedReader
export function emptyBuffer(words, file, heapStart, end) {
  const sizes = inUse(words, heapStart, end);
  const large = [...words.subarray(file >> 2, (file + 96) >> 2)].filter((word) => sizes.get(word - 8) >= 1 << 16);
  if (large.length !== 1) throw new Error("a file's buffer was not found");
  words.fill(0, large[0] >> 2, (large[0] + sizes.get(large[0] - 8) - 8) >> 2);
}

// Address and size of each chunk of memory that is in use.
export function inUse(words, heapStart, end) {
  const found = new Map();
  for (let at = heapStart; ; ) {
    const head = words[(at + 4) >> 2];
    const size = head & ~7;
    if (size < 16 || at + size > end) throw new Error("the heap is not laid out as expected");
    if (at + size + 48 > end) return found; // the last one is the rest
    if (head & 2) found.set(at, size);
    at += size;
  }
}

// The table of interned strings (CPython's pycore_dict.h, `struct _dictkeysobject`): the only large one whose keys are their
// own values.
function internedTable(words, sizes) {
  for (const [at, size] of sizes) {
    if (size < 100_000) continue;
    const keys = at + 8;
    const [log2, log2Bytes, kind] = [0, 8, 16].map((bits) => (words[(keys + 4) >> 2] >> bits) & 0xff);
    const [slots, width] = [1 << log2, 1 << (log2Bytes - log2)];
    const entries = words[(keys + 16) >> 2];
    const first = keys + 20 + width * slots;
    if (kind !== 1 || log2 > 20 || entries > slots || first + 8 * entries > at + size) continue;
    let same = 0;
    for (let n = 0; n < entries; n++) same += words[(first >> 2) + 2 * n] === words[(first >> 2) + 2 * n + 1];
    if (same !== entries) continue;
    const holders = [...sizes.keys()].filter((one) => words[(one + 8 + 8 + 24) >> 2] === keys);
    const [holder] = holders;
    if (holders.length !== 1) throw new Error("the table of interned strings has no dictionary");
    return { keys, bytes: size - 8, slots, width, entries, first, dict: holder + 16 };
  }
  throw new Error("the table of interned strings was not found");
}
