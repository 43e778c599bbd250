// What the build writes beside the interpreter wrapper (host/tools/snapshot/): bus/interpreter.mjs imports it.
declare module "*/parts.mjs" {
  // biome-ignore lint/suspicious/noExplicitAny: made by Python, in one place
  export const PARTS: any;
}
