// Starts Pyodide with one native Python extension already linked. Making the snapshot (in Node) and restoring it (in the page)
// both use this file, because a snapshot is valid only if memory and function table are the same.

// Makes a `createPyodideModule` for loadPyodide.
//   create   the default export of pyodide.asm.mjs
//   path     where dlopen() will look for the extension: Emscripten knows a loaded library by exactly this name
//   library  promise of the extension's WebAssembly.Module
//   core     promise of pyodide.asm.wasm's WebAssembly.Module; without it Pyodide fetches and compiles that file itself
// The module that it resolves to also has `tableLength`, the length of the function table before Python starts;
// `heapStart`, where the memory that malloc() hands out begins; and `trampoline`.
export function withLibrary(create, { path, library, core }) {
  return (settings) =>
    new Promise((resolve, reject) => {
      const stock = settings.instantiateWasm;
      let table;
      let place;
      settings.dynamicLibraries = [path];
      settings.instantiateWasm = function (imports, done) {
        if (core) handCompiled(core, imports, reject);
        return stock.call(this, imports, async (instance, module) => {
          try {
            const compiled = await library;
            table = instance.exports.__indirect_function_table;
            // The linker reuses a table slot that holds the same function object. V8 and SpiderMonkey consider some functions
            // the same that JavaScriptCore does not, so tables would differ. With this, the linker finds no slot to reuse.
            table.get = () => null;
            place = placeTogether(table);
            // Emscripten looks here before it fetches the file, so it gets the module that was compiled while streaming.
            Object.defineProperty(settings.preloadedWasm, path, {
              configurable: true,
              get() {
                const flags = { loadAsync: true, global: true, nodelete: true, allowUndefined: true };
                const exports = settings.loadWebAssemblyModule(compiled, flags, path);
                exports.catch(reject);
                return exports;
              },
            });
            done(instance, module);
          } catch (error) {
            reject(error);
          }
        });
      };
      // Runs after the library is linked and before Python starts.
      settings.preRun.unshift((module) => {
        delete table.get;
        place();
        delete module.preloadedWasm[path];
        // Engines with wasm garbage collection get one more function, a trampoline, last in the table. Python finds it through
        // a pointer, null where there is none. Python does without, so it stays null until a snapshot is in place.
        const { HEAP32, __PyRuntime: runtime, __PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET: offset } = module;
        module.trampoline = { index: (runtime + HEAP32[offset >> 2]) >> 2 };
        module.trampoline.pointer = HEAP32[module.trampoline.index];
        HEAP32[module.trampoline.index] = 0;
        module.heapStart = module.HEAPU32[module._emscripten_get_sbrk_ptr() >> 2];
        module.tableLength = table.length - (module.trampoline.pointer ? 1 : 0);
      });
      create(settings).then(resolve, reject);
    });
}

// Wasm may also call some JavaScript functions by pointer. The table refuses such a function, so Emscripten compiles a module
// for each, which takes longer than the rest of its linking. With this, the table accepts them and leaves their slots empty,
// which is safe before Python starts. The function that this returns fills all slots from a single module.
function placeTogether(table) {
  const { set } = WebAssembly.Table.prototype;
  const waiting = [];
  table.set = (index, value) => {
    if (typeof value?.sig === "string")
      waiting.push([index, value]); // Emscripten's mark: result and parameters
    else set.call(table, index, value);
  };
  return () => {
    delete table.set;
    const made = importAndExport(waiting.map(([, { sig }]) => sig));
    const imports = Object.fromEntries(waiting.map(([, value], n) => [n, value]));
    const { exports } = new WebAssembly.Instance(made, { "": imports });
    waiting.forEach(([index], n) => table.set(index, exports[n]));
  };
}

// A module that imports functions of these signatures, named 0, 1, 2 and so on, and exports them under the same names.
// WebAssembly core specification, section 5.5 (binary format of modules).
function importAndExport(signatures) {
  const types = { i: 0x7f, p: 0x7f, j: 0x7e, f: 0x7d, d: 0x7c, e: 0x6f };
  const leb = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...leb(n >> 7)]);
  const vector = (items) => [...leb(items.length), ...items.flat()];
  const section = (id, items) => {
    const body = vector(items);
    return [id, ...leb(body.length), ...body];
  };
  const text = (value) => vector([...value].map((letter) => letter.charCodeAt(0)));
  const list = (letters) => vector([...letters].map((letter) => types[letter]));
  const kinds = [...new Set(signatures)];
  const type = ([result, ...parameters]) => [0x60, ...list(parameters), ...list(result === "v" ? "" : result)];
  const imported = (sig, n) => [...text(""), ...text(`${n}`), 0, ...leb(kinds.indexOf(sig))];
  const exported = (_, n) => [...text(`${n}`), 0, ...leb(n)];
  const sections = [
    section(1, kinds.map(type)),
    section(2, signatures.map(imported)),
    section(7, signatures.map(exported)),
  ];
  return new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat()));
}

// Lets Pyodide's own instantiateWasm, which knows which imports this engine needs, use a module that is compiled already. Its
// call is recognised by its `imports`, because another script may make one at the same time.
function handCompiled(core, imports, reject) {
  const own = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(WebAssembly, "instantiateStreaming"));
  WebAssembly.instantiateStreaming = async (...asked) => {
    if (asked[1] !== imports) return own.value.apply(WebAssembly, asked);
    Object.defineProperty(WebAssembly, "instantiateStreaming", own);
    try {
      /** @type {WebAssembly.Module} */
      const module = await core;
      return { module, instance: await WebAssembly.instantiate(module, imports) };
    } catch (error) {
      reject(error);
      throw error;
    }
  };
}

// Returns one number for the memory before Python starts that is not in the snapshot: the data of the interpreter and of the
// library, relocated, with function pointers. Equal numbers mean the same two files, linked in the same way.
//   runs   offset and length (bytes, multiples of 4) of each part that the snapshot holds, in ascending order
export function fingerprint(module, runs) {
  const words = module.HEAPU32;
  const [low, high] = [module._emscripten_stack_get_end(), module._emscripten_stack_get_base()];
  const stack = [low, high - low]; // holds only leftovers
  const skip = [...runs.filter(([offset]) => offset < low || (offset >= high && offset < module.heapStart)), stack];
  skip.sort(([a], [b]) => a - b);
  let sum = 0;
  let from = 0;
  for (const [offset, length] of [...skip, [module.heapStart, 0]]) {
    // One word in 37 is enough. 37 is odd, so the words cover all fields of tables whose entries are a power of two long.
    for (let i = from >> 2; i < offset >> 2; i += 37) sum = (Math.imul(sum, 31) + words[i]) | 0;
    from = Math.max(from, offset + length);
  }
  return sum >>> 0;
}
