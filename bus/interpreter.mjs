// What PyScript imports as its interpreter: Pyodide as published, with the parts of this build.
import parts from "./parts.mjs";

const here = (path) => new URL(path, import.meta.url).href;
const pyodide = await import(here(parts.pyodide + "pyodide.mjs"));

export const { version } = pyodide;

export const loadPyodide = async (options) => {
  const bus = fetch(here(parts.bus)).then((response) => response.arrayBuffer());
  const loaded = await pyodide.loadPyodide({ ...options, indexURL: here(parts.pyodide), packages: ["pydantic"] });
  loaded.unpackArchive(await bus, "zip", { extractDir: loaded._api.sitePackages ?? "." });
  return loaded;
};
