// Runs a WebAssembly module that checks itself, without a browser and without bindings.
// Usage: node wasm_proof.mjs <module.wasm>
//
// The module imports nothing. It exports either `run() -> u32`, the number of failed checks, with `checks() -> u32`, how many
// there were; or it is a plain program, whose `main` exits with the number of failed checks. A panic is a failure with a trace.
import { readFile } from "node:fs/promises";
import process from "node:process";

const file = process.argv[2];
if (!file) {
  console.error("usage: node wasm_proof.mjs <module.wasm>");
  process.exit(2);
}

const { instance } = await WebAssembly.instantiate(await readFile(file), {});
const { run, checks, main } = instance.exports;
if (!run && !main) {
  console.error(`${file} exports neither run nor main`);
  process.exit(2);
}

// The panic machinery alone fills the default of ten.
Error.stackTraceLimit = 60;
const started = performance.now();
let failed;
try {
  failed = (run ? run() : main(0, 0)) >>> 0;
} catch (error) {
  console.error("the module panicked:", error.stack);
  process.exit(1);
}
const seconds = ((performance.now() - started) / 1000).toFixed(1);
const total = checks ? checks() >>> 0 : undefined;
if (total === 0) {
  console.error("the module checked nothing");
  process.exit(1);
}
console.log(`wasm: ${total ?? "all"} checks, ${failed} failed, ${seconds} s`);
process.exit(failed === 0 ? 0 : 1);
