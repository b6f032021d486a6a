// Runs the plans of standard input with the JavaScript client, whose address is the argument: all requests at once.

import { readFileSync } from "node:fs";

const { GatewayClient, GatewayError } = await import(process.argv[2]);

async function run(client, request) {
  const file = new Blob([readFileSync(request.file ?? "/dev/null")]);
  const replies = {
    chat: () => client.chat(request.fields),
    vision: () => client.vision(request.prompt, file),
    speech: () => client.speech(file),
  }[request.route]();
  let last = { text: "", transcript: "", finishReason: "" };
  try {
    for await (const reply of replies) {
      last = reply;
      if (reply.text.length >= (request.leave_after ?? 1_000_000)) break;
    }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { error: error.code, status: error.status };
  }
  return { text: last.text, transcript: last.transcript, finish_reason: last.finishReason };
}

async function runPlan(plan) {
  const saved = [];
  const client = new GatewayClient(plan.url, plan.refresh_token, (token) => saved.push(token), {
    accessToken: plan.access_token,
    patienceSeconds: plan.patience_seconds,
    silenceSeconds: plan.silence_seconds,
  });
  const results = await Promise.all(plan.requests.map((request) => run(client, request)));
  return { results, saved };
}

const plans = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(await Promise.all(plans.map(runPlan))));
