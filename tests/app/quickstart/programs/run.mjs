// Runs the plans of standard input with the JavaScript client, whose path is the argument.

import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";

import { runPlans } from "./plans.mjs";

globalThis.crypto ??= webcrypto; // Node 18, which some systems have, lacks it; web pages and Node 20 have it
// As a module whatever the version of Node, of which some take a file named .js for CommonJS.
const source = readFileSync(process.argv[2]).toString("base64");
const client = await import(`data:text/javascript;base64,${source}`);
const plans = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(await runPlans(client, plans, (path) => new Blob([readFileSync(path)]))));
