// Runs the plans of standard input with the JavaScript client, whose path is the argument.

import { readFileSync } from "node:fs";

import { runPlans } from "./plans.mjs";

// As a module whatever the version of Node, of which some take a file named .js for CommonJS.
const source = readFileSync(process.argv[2]).toString("base64");
const client = await import(`data:text/javascript;base64,${source}`);
const plans = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(await runPlans(client, plans, (path) => new Blob([readFileSync(path)]))));
