// Runs plans with the JavaScript client, in Node or in a page: all requests of all plans at once.

export function runPlans({ GatewayClient, GatewayError }, plans, blobOf) {
  return Promise.all(plans.map(runPlan));

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

  async function run(client, request) {
    const file = request.file && (await blobOf(request.file));
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
}
