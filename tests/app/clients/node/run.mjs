// Runs the clients of Node against gateways, and prints what they can do; the gateways as JSON on stdin.
// tests/app/clients/python/gateways.py says what the gateways reply. Modules are found from the directory in NODE_CLIENTS.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(`${process.env.NODE_CLIENTS}/package.json`));
const load = (name) => import(pathToFileURL(require.resolve(name)));

const { generateText, streamText, generateObject, tool, stepCountIs, Output } = await load("ai");
const { createOpenAI } = await load("@ai-sdk/openai");
const { createOpenAICompatible } = await load("@ai-sdk/openai-compatible");
const { default: OpenAI } = await load("openai");
const { z } = await load("zod");
const { Agent } = await load("@midscene/core/agent");
const { createDefaultMobileActions } = await load("@midscene/core/device");

const given = JSON.parse(readFileSync(0, "utf8"));
const MODEL = "autoglm-phone-9b";
const picture = readFileSync(given.picture);
const pictureURL = `data:image/png;base64,${picture.toString("base64")}`;
const Trip = z.object({ city: z.enum(["Rome", "Oslo"]), days: z.number().int() });
let calledWith = [];

function check(condition, what) {
  if (!condition) throw new Error(`not as expected: ${JSON.stringify(what)}`);
}
const checkText = (text) => check(text.includes("hello"), text);
const checkPicture = (text) => check(text.includes("image(8x6)"), text);
const checkTrip = (trip) => check(trip.city === "Rome" && trip.days === 3, trip);
function checkPieces(pieces) {
  check(pieces.filter((piece) => piece).length > 1, pieces);
  checkText(pieces.join(""));
}
function checkWeather(text) {
  check(calledWith.length === 1 && calledWith[0] === "Rome", calledWith);
  calledWith = [];
  check(text.includes("sunny in Rome"), text);
}
function weather({ city }) {
  calledWith.push(city);
  return `sunny in ${city}`;
}

/** `model(ability)` makes the model of one of Vercel's providers. */
function ofVercel(model) {
  const options = { maxRetries: 0 };
  return {
    text: async () => checkText((await generateText({ ...options, model: model("text"), prompt: "hello" })).text),
    stream: async () => {
      const pieces = [];
      const result = streamText({ ...options, model: model("text"), prompt: "hello", onError: ({ error }) => { throw error; } });
      for await (const piece of result.textStream) pieces.push(piece);
      checkPieces(pieces);
    },
    picture: async () => {
      const content = [{ type: "text", text: "look" }, { type: "image", image: picture }];
      checkPicture((await generateText({ ...options, model: model("text"), messages: [{ role: "user", content }] })).text);
    },
    typed: async () => {
      checkTrip((await generateObject({ ...options, model: model("typed"), schema: Trip, prompt: "hello" })).object);
      const result = await generateText({ ...options, model: model("typed"), output: Output.object({ schema: Trip }), prompt: "hello" });
      checkTrip(result.output);
    },
    tools: async () => {
      const tools = { weather: tool({ description: "of a city", inputSchema: z.object({ city: z.string() }), execute: weather }) };
      const whole = await generateText({ ...options, model: model("tools"), tools, stopWhen: stepCountIs(2), prompt: "hello" });
      checkWeather(whole.text);
      const streamed = streamText({ ...options, model: model("tools"), tools, stopWhen: stepCountIs(2), prompt: "hello" });
      checkWeather(await streamed.text);
    },
  };
}

const sdk = (ability) => new OpenAI({ baseURL: given[ability], apiKey: given.key, maxRetries: 0 });
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const tripSchema = z.toJSONSchema(Trip);

const completions = {
  text: async () => {
    const done = await sdk("text").chat.completions.create({ model: MODEL, messages: [{ role: "user", content: "hello" }] });
    checkText(done.choices[0].message.content);
  },
  stream: async () => {
    const stream = await sdk("text").chat.completions.create({ model: MODEL, messages: [{ role: "user", content: "hello" }], stream: true });
    const pieces = [];
    for await (const chunk of stream) pieces.push(chunk.choices[0]?.delta?.content ?? "");
    checkPieces(pieces);
  },
  picture: async () => {
    const content = [{ type: "text", text: "look" }, { type: "image_url", image_url: { url: pictureURL } }];
    const done = await sdk("text").chat.completions.create({ model: MODEL, messages: [{ role: "user", content }] });
    checkPicture(done.choices[0].message.content);
  },
  typed: async () => {
    const response_format = { type: "json_schema", json_schema: { name: "trip", schema: tripSchema, strict: true } };
    const done = await sdk("typed").chat.completions.parse({ model: MODEL, messages: [{ role: "user", content: "hello" }], response_format });
    checkTrip(JSON.parse(done.choices[0].message.content));
  },
  tools: async () => {
    const tools = [{ type: "function", function: { name: "weather", function: weather, parse: JSON.parse, description: "of a city", parameters } }];
    const runner = sdk("tools").chat.completions.runTools({ model: MODEL, messages: [{ role: "user", content: "hello" }], tools, stream: true });
    checkWeather(await runner.finalContent());
  },
};

const responses = {
  text: async () => checkText((await sdk("text").responses.create({ model: MODEL, input: "hello" })).output_text),
  stream: async () => {
    const pieces = [];
    for await (const event of await sdk("text").responses.create({ model: MODEL, input: "hello", stream: true })) {
      if (event.type === "response.output_text.delta") pieces.push(event.delta);
    }
    checkPieces(pieces);
  },
  picture: async () => {
    const content = [{ type: "input_text", text: "look" }, { type: "input_image", image_url: pictureURL, detail: "auto" }];
    checkPicture((await sdk("text").responses.create({ model: MODEL, input: [{ role: "user", content }] })).output_text);
  },
  typed: async () => {
    const text = { format: { type: "json_schema", name: "trip", schema: tripSchema, strict: true } };
    checkTrip((await sdk("typed").responses.parse({ model: MODEL, input: "hello", text })).output_parsed);
  },
  tools: async () => {
    const tools = [{ type: "function", name: "weather", description: "of a city", parameters, strict: true }];
    const input = [{ role: "user", content: "hello" }];
    const first = await sdk("tools").responses.create({ model: MODEL, input, tools });
    const call = first.output.find((item) => item.type === "function_call");
    input.push(...first.output, { type: "function_call_output", call_id: call.call_id, output: weather(JSON.parse(call.arguments)) });
    checkWeather((await sdk("tools").responses.create({ model: MODEL, input, tools })).output_text);
  },
};

/** Midscene's adapter for AutoGLM, on a phone that is not there. */
const midscene = {
  action: async () => {
    const taps = [];
    const unexpected = async (...what) => { throw new Error(`not as expected: ${JSON.stringify(what)}`); };
    const input = {
      pointer: { tap: async (place) => taps.push(place), doubleClick: unexpected, longPress: unexpected, dragAndDrop: unexpected },
      keyboard: { keyboardPress: unexpected, typeText: unexpected, clearInput: unexpected },
      touch: { swipe: unexpected },
      scroll: { scroll: unexpected },
    };
    const size = async () => ({ width: 8, height: 6 });
    const phone = {
      interfaceType: "android",
      size,
      screenshotBase64: async () => pictureURL,
      actionSpace: () => createDefaultMobileActions({ input, size }),
    };
    const modelConfig = {
      MIDSCENE_MODEL_FAMILY: "auto-glm",
      MIDSCENE_MODEL_NAME: MODEL,
      MIDSCENE_MODEL_API_KEY: given.key,
      MIDSCENE_MODEL_BASE_URL: given.action,
    };
    await new Agent(phone, { generateReport: false, modelConfig }).aiAct("Open WeChat");
    check(taps.length === 1 && taps[0].x === 4 && taps[0].y === 2, taps); // in pixels of the picture, which has 8 x 6
  },
};

const vercel = (ability) => createOpenAI({ baseURL: given[ability], apiKey: given.key });
const compatible = (ability) => createOpenAICompatible({
  name: "gateway", baseURL: given[ability], apiKey: given.key, includeUsage: true, supportsStructuredOutputs: true,
});
const CLIENTS = {
  "Midscene, auto-glm": midscene,
  "OpenAI for Node, completions": completions,
  "OpenAI for Node, responses": responses,
  "Vercel AI SDK, @ai-sdk/openai, completions": ofVercel((ability) => vercel(ability).chat(MODEL)),
  "Vercel AI SDK, @ai-sdk/openai, responses": ofVercel((ability) => vercel(ability).responses(MODEL)),
  "Vercel AI SDK, @ai-sdk/openai-compatible": ofVercel((ability) => compatible(ability)(MODEL)),
};

const results = {};
for (const [client, abilities] of Object.entries(CLIENTS)) {
  results[client] = {};
  for (const [ability, work] of Object.entries(abilities)) {
    calledWith = [];
    try {
      await work();
      results[client][ability] = "ok";
    } catch (error) {
      results[client][ability] = `${error?.stack ?? error}`;
    }
  }
}
console.log(JSON.stringify(results));
