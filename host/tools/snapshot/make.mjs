// Makes the memory snapshot that the built page starts from, with an unmodified Pyodide, in Node >= 20.
//
//   node snapshot.mjs --pyodide DIR --pyscript DIR --wheels DIR --bus DIR --out FILE.bin --meta FILE.json --so-out FILE.wasm
//     [--count FILE.json]
//
// In: Pyodide's five files, PyScript's dist, wheels (one of them with one native extension), the bus package.
// Out: the heap with interpreter, imported modules and built models; the extension as a file of its own, so that browsers
// compile it while streaming and cache the result; and a description (JSON) that interpreter.mjs checks on restore.
//
// Two interpreters run one after the other. The first does everything that leaves garbage (unpack, parse, compile) and says
// which modules are needed. The second only loads those, and its memory ships.
import crypto, { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { fingerprint, withLibrary } from "../../../bus/library.mjs";
import { emptyBuffer, forgetNames, inUse, untrack } from "./image.mjs";

const options = Object.fromEntries(
  ["pyodide", "pyscript", "wheels", "bus", "out", "meta", "so-out"].map((name) => [name, { type: "string" }]),
);
const { values: args } = parseArgs({ options: { ...options, count: { type: "string" } } });
for (const name of Object.keys(options)) if (!args[name]) throw new Error(`--${name} is missing`);

// Same inputs, same bytes: nothing of this machine or this moment may reach the heap.
const HASH_SEED = "0";
process.env.TZ = "UTC";
let chance = 0;
Date.now = () => Date.UTC(2020, 0, 1) + chance;
performance.now = () => chance;
process.hrtime = Object.assign(() => [0, chance], { bigint: () => BigInt(chance) });
Math.random = () => chance / 256;
crypto.randomFillSync = crypto.webcrypto.getRandomValues = (bytes) => bytes.fill(chance);
const env = { HOME: "/home/pyodide", LANG: "C.UTF-8", PYTHONHASHSEED: HASH_SEED };

// What runs in the interpreters.
const inside = ["inside.py", "slim.py"].map((name) => readFileSync(new URL(name, import.meta.url), "utf8")).join("\n");
const folder = resolve(args.pyodide);
const { loadPyodide, version } = await import(pathToFileURL(join(folder, "pyodide.mjs")));
const { default: createPyodideModule } = await import(pathToFileURL(join(folder, "pyodide.asm.mjs")));
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

function* files(dir, base = dir) {
  const entries = readdirSync(dir, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) yield* files(path, base);
    else if (entry.name.endsWith(".py") && entry.name !== "main.py") yield relative(base, path);
  }
}

// Pyodide requires a lock; what it says about the interpreter must be true, and it lists no packages.
function lock() {
  const { info } = JSON.parse(readFileSync(join(folder, "pyodide-lock.json"), "utf8"));
  return { info, packages: {} };
}

// The page passes the same environment and is called the same, or its memory would differ before Python starts.
const common = {
  indexURL: folder,
  env,
  lockFileContents: JSON.stringify(lock()),
  _sysExecutable: "./this.program",
};

// First interpreter: what is imported, compiled to bytecode, packed as one archive without compression.
async function compile() {
  const pyodide = await loadPyodide({ indexURL: folder, env, packages: [] });
  const { FS } = pyodide;
  FS.mkdirTree("/in/wheels");
  const wheels = readdirSync(args.wheels)
    .filter((name) => name.endsWith(".whl"))
    .sort();
  for (const name of wheels) FS.writeFile(`/in/wheels/${name}`, readFileSync(join(args.wheels, name)));
  for (const path of files(args.bus)) {
    const target = `/in/bus/${path}`;
    FS.mkdirTree(target.slice(0, target.lastIndexOf("/")));
    FS.writeFile(target, readFileSync(join(args.bus, path)));
  }
  FS.writeFile("/in/_snapshot.py", readFileSync(new URL("wake.py", import.meta.url)));
  pyodide.runPython(inside);
  const report = JSON.parse(pyodide.runPython("compile_all()"));
  const packages = report.packages.map((path) => [path, FS.readFile(`/out${path}`)]);
  return { ...report, packages, stdlib: FS.readFile("/out/lib.zip"), so: FS.readFile(report.library) };
}

// Second interpreter: load them, build the models, clean up, keep the memory.
async function freeze({ library, modules, bus, stdlib, packages, so }) {
  const scratch = mkdtempSync(join(tmpdir(), "snapshot-"));
  const stdLibURL = join(scratch, "lib.zip");
  writeFileSync(stdLibURL, stdlib);
  const linked = withLibrary(createPyodideModule, { path: library, library: WebAssembly.compile(so) });
  let module;
  const pyodide = await loadPyodide({
    ...common,
    stdLibURL,
    _makeSnapshot: true,
    createPyodideModule: async (settings) => (module = await linked(settings)),
    fsInit: async (FS) => {
      // Python's import system wants to see a file there; dlopen() finds the library loaded and never reads it.
      for (const [path, bytes] of [...packages, [library, ""]]) {
        FS.mkdirTree(path.slice(0, path.lastIndexOf("/")));
        FS.writeFile(path, bytes);
      }
    },
  });
  rmSync(scratch, { recursive: true });
  pyodide.runPython(inside);
  const { program, package: pyscript } = inPyscript();
  const sources = [program, readFileSync(join(args.bus, "main.py"), "utf8")];
  const plan = JSON.stringify(JSON.stringify({ modules, bus, sources, pyscript }));
  const { member, stdin } = JSON.parse(pyodide.runPython(`import_all(${plan})`));
  wipe(module);
  const snapshot = pyodide.makeMemorySnapshot();
  const memory = snapshot.subarray(headerBytes(snapshot));
  const words = new Uint32Array(memory.buffer, memory.byteOffset, memory.length >> 2);
  const end = module.HEAPU32[module._emscripten_get_sbrk_ptr() >> 2];
  emptyBuffer(words, stdin, module.heapStart, end);
  const untracked = untrack(words, member, module.heapStart);
  const forgotten = forgetNames(words, module.heapStart, end);
  console.log(`${untracked} objects are not tracked by the garbage collector, ${forgotten} names are forgotten`);
  if (args.count) {
    pyodide.runPython(readFileSync(new URL("census.py", import.meta.url), "utf8"));
    const objects = JSON.parse(pyodide.runPython("census()"));
    const chunks = [...inUse(words, module.heapStart, end)];
    writeFileSync(args.count, JSON.stringify({ objects, chunks }));
  }
  return { snapshot, tableLength: module.tableLength };
}

// What PyScript carries in its core and has Python do at each start: compiled beforehand, it need not be compiled then. The
// package is in a literal of the bundle, by file name; the program writes it into the file system and imports it. Where one
// of them looks different one day, the start is slower and nothing else (and test_snapshot fails).
function inPyscript() {
  const dist = readdirSync(args.pyscript).filter((name) => /^core-.*\.js$/.test(name));
  for (const name of dist) {
    const text = readFileSync(join(args.pyscript, name), "utf8");
    const literal = /\{pyscript:(\{(?:"[\w.]+":"(?:[^"\\]|\\.)*",?)+\})/.exec(text);
    if (!literal) continue;
    const files = JSON.parse(literal[1]);
    const write = ([file, source]) => [
      `_path = _Path("./pyscript/${file}")`,
      `_path.write_text(${JSON.stringify(source)},encoding="utf-8")`,
    ];
    const program = [
      "import os as _os",
      "from pathlib import Path as _Path",
      "_path = None",
      '_path = _Path("./pyscript")',
      'if not _os.path.exists("./pyscript"):',
      "    _path.mkdir(parents=True, exist_ok=True)",
      ...Object.entries(files).flatMap(write),
      "import pyscript as _pyscript",
      ...["_Path", "_path", "_os", "_pyscript"].map((one) => `del ${one}`),
      "\n",
    ];
    return { program: program.join("\n"), package: files };
  }
  console.warn("PyScript's Python sources were not found in its bundle");
  return { program: "", package: {} };
}

// Zeroes free memory: garbage compresses badly and is useless. Holes of less than 256 bytes are never used again, so that
// they hold no pointers either.
function wipe(module) {
  const end = module.HEAPU32[module._emscripten_get_sbrk_ptr() >> 2];
  const blocks = [];
  for (let size = 1 << 20; size >= 16; size >>= 1) {
    for (;;) {
      const block = module._malloc(size);
      if (block + size > end) {
        module._free(block);
        break;
      }
      module.HEAPU8.fill(0, block, block + size);
      blocks.push([block, size]);
    }
  }
  for (const [block, size] of blocks) if (size >= 256) module._free(block);
  module.HEAPU8.fill(0, module._emscripten_stack_get_end(), module._emscripten_stack_get_current());
}

// An interpreter as it is right before Python starts: what a page has anyway when it gets the snapshot.
async function untouched({ library, so }) {
  const linked = withLibrary(createPyodideModule, { path: library, library: WebAssembly.compile(so) });
  const enough = new Error("enough");
  let module;
  try {
    await loadPyodide({
      ...common,
      createPyodideModule: async (settings) => {
        settings.noInitialRun = true;
        module = await linked(settings);
        throw enough;
      },
    });
  } catch (error) {
    if (error !== enough) throw error;
  }
  return module;
}

// The file: Pyodide's header, then the bytes of each run. A run (offset, length) is what differs from the untouched
// interpreter, in the heap what is not zero. A granule of 256 bytes keeps the runs to a few hundred.
function pack(snapshot, fresh, other) {
  const granule = 256;
  const header = snapshot.subarray(0, headerBytes(snapshot));
  const memory = snapshot.subarray(header.length);
  const stack = [fresh._emscripten_stack_get_end(), fresh._emscripten_stack_get_base()];
  const runs = [];
  for (let offset = 0; offset < memory.length; offset += granule) {
    const part = memory.subarray(offset, offset + granule);
    const known = offset + granule <= stack[0] || (offset >= stack[1] && offset + granule <= fresh.heapStart);
    const same = known
      ? [fresh, other].every(({ HEAPU8 }) => Buffer.compare(part, HEAPU8.subarray(offset, offset + granule)) === 0)
      : part.every((byte) => byte === 0);
    if (same) continue;
    const last = runs.at(-1);
    // Zeros between two runs compress to nothing; a run is two numbers for the page to load.
    const gap = last && offset > fresh.heapStart ? 1024 : 0;
    if (last && last[0] + last[1] + (last[0] > fresh.heapStart ? gap : 0) >= offset)
      last[1] = offset + part.length - last[0];
    else runs.push([offset, part.length]);
  }
  const parts = runs.map(([offset, length]) => memory.subarray(offset, offset + length));
  return { file: Buffer.concat([header, ...parts]), runs };
}

const headerBytes = (snapshot) => new Uint32Array(snapshot.buffer, snapshot.byteOffset, 2)[1];

process.on("uncaughtException", (error) => {
  console.error(error.stack ?? error); // Node would print the source line, which is all of Pyodide
  process.exit(1);
});
const compiled = await compile();
const fresh = await untouched(compiled);
chance = 255;
const other = await untouched(compiled); // where it differs from the first, chance was at work: no page will have the same
chance = 0;
const { snapshot, tableLength } = await freeze(compiled);
const { file, runs } = pack(snapshot, fresh, other);
writeFileSync(args.out, file);
writeFileSync(args["so-out"], compiled.so);
const meta = {
  version,
  lock: lock(),
  env,
  libraryPath: compiled.library,
  snapshotBytes: file.length,
  snapshotSha256: sha256(file),
  headerBytes: headerBytes(snapshot),
  runs,
  fingerprint: fingerprint(fresh, runs),
  tableLength,
  memory: snapshot.length - headerBytes(snapshot),
  modules: compiled.modules,
};
writeFileSync(args.meta, `${JSON.stringify(meta)}\n`);
console.log(
  `${basename(args.out)}: ${file.length} bytes, ${runs.length} runs, ${compiled.modules.length} modules, table ${tableLength}`,
);
process.exit(0); // Pyodide leaves handles open
