// Prints how many bytes a module is, minified and gzipped: node minified.mjs <file>
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown"; // Vite's bundler

const input = process.argv[2];
const bundle = await rolldown({ input, external: /client\.js$/ });
const { output } = await bundle.generate({ minify: true });
const source = readFileSync(input);
console.log(JSON.stringify({ source: source.length, minified: gzipSync(output[0].code, { level: 9 }).length }));
