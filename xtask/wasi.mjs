// Runs a WASI program, such as a test binary for wasm32-wasip1, as cargo's runner: node wasi.mjs <module.wasm> [argument…]
//
// The program sees the arguments and the environment, and no file: what it needs it embeds. Its exit code is passed on.
import { readFile } from "node:fs/promises";
import process from "node:process";

// Node says on every run that its WASI is experimental; everything else that it warns of stays visible.
const { emitWarning } = process;
process.emitWarning = (warning, ...rest) => {
  if (!String(warning).includes("WASI is an experimental feature")) emitWarning.call(process, warning, ...rest);
};
const { WASI } = await import("node:wasi");

const [file, ...args] = process.argv.slice(2);
if (!file) {
  console.error("usage: node wasi.mjs <module.wasm> [argument…]");
  process.exit(2);
}

const wasi = new WASI({ version: "preview1", args: [file, ...args], env: process.env, preopens: {}, returnOnExit: true });
const module = await WebAssembly.compile(await readFile(file));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
try {
  process.exitCode = wasi.start(instance);
} catch (error) {
  // A panic ends in a trap: there is no unwinding here. Its message is on stderr already.
  console.error(error.stack);
  process.exitCode = 101;
}
