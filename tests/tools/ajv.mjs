// Judges samples by JSON Schemas (draft 2020-12): {schemas, samples: [[name, text]]} as JSON comes in
// on standard input, a list of verdicts goes out. Texts, since not all numbers survive JavaScript.
import { readFileSync } from "node:fs";
import Ajv from "ajv/dist/2020.js";

const { schemas, samples } = JSON.parse(readFileSync(0, "utf8"));
const ajv = new Ajv({ strict: true });
const validate = Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, ajv.compile(schema)]));
console.log(JSON.stringify(samples.map(([name, text]) => validate[name](JSON.parse(text)))));
