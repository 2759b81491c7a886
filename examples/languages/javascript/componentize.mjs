// componentize.mjs SOURCE WIT MODULE: a component of the task world. The engine's features that import more than the
// world has are left out: a task has no network, and without clocks and chance a call starts quicker.
import { componentize } from "@bytecodealliance/componentize-js";
import { writeFile } from "node:fs/promises";

const [sourcePath, witPath, module] = process.argv.slice(2);
const { component } = await componentize({
  sourcePath,
  witPath,
  worldName: "task",
  disableFeatures: ["random", "stdio", "clocks", "http", "fetch-event"],
});
await writeFile(module, component);
