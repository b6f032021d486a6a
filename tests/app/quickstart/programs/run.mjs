// Runs the plans of standard input with the JavaScript client, whose address is the argument.

import { readFileSync } from "node:fs";

import { runPlans } from "./plans.mjs";

const client = await import(process.argv[2]);
const plans = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(await runPlans(client, plans, (path) => new Blob([readFileSync(path)]))));
