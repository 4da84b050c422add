// Runs steps against an MCP endpoint with the TypeScript SDK (version 1), one JSON line out for each step in.
//
// Standard input holds steps as JSON: one step, or a list of steps, on each line. Each step is
// carried out before the next line is read, so a test can act in between. The token comes from
// the environment variable TOKEN, or from a step that connects anew, never from the command line.
// The SDK is found from the folder named by the environment variable PARTS, where npm put it.

import { createRequire } from "node:module";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";

const { values: words } = parseArgs({
  options: { url: { type: "string" }, stdio: { type: "string" }, timeout: { type: "string", default: "20" } },
});
if (!(words.url || words.stdio) || !process.env.PARTS) {
  console.error("usage: PARTS=FOLDER [TOKEN=…] node mcp_client.mjs (--url URL | --stdio COMMAND) [--timeout SECONDS]");
  process.exit(2);
}

const parts = createRequire(resolve(process.env.PARTS, "package.json"));
const load = async (name) => {
  // The package's CommonJS entry has an ECMAScript twin beside it.
  const entry = parts.resolve(name).replace("/dist/cjs/", "/dist/esm/");
  return import(pathToFileURL(entry).href);
};
const { Client } = await load("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = await load("@modelcontextprotocol/sdk/client/streamableHttp.js");

const { StdioClientTransport } = await load("@modelcontextprotocol/sdk/client/stdio.js");

const wait = { timeout: Number(words.timeout) * 1000 };
const say = (line) => process.stdout.write(`${JSON.stringify({ ...line, status: lastStatus })}\n`);

// Keeps the status of the last answer to a POST; the SDK hides it when all goes well.
let lastStatus = null;
const remembering = async (url, init) => {
  const response = await fetch(url, init);
  if (init?.method === "POST") lastStatus = response.status;
  return response;
};

const lists = {
  list_tools: ["listTools", "tools", "name"],
  list_resources: ["listResources", "resources", "uri"],
  list_resource_templates: ["listResourceTemplates", "resourceTemplates", "uriTemplate"],
  list_prompts: ["listPrompts", "prompts", "name"],
};

async function listed(client, op) {
  const [verb, field, key] = lists[op];
  const items = [];
  let page;
  do {
    page = await client[verb](page ? { cursor: page.nextCursor } : {}, wait);
    items.push(...page[field]);
  } while (page.nextCursor !== undefined);
  return { names: items.map((it) => it[key]).sort(), items, meta: page._meta };
}

async function called(client, step) {
  const within = step.timeout ? { timeout: step.timeout * 1000 } : wait;
  const result = await client.callTool({ name: step.name, arguments: step.arguments ?? {} }, undefined, within);
  return {
    result,
    meta: result._meta,
    isError: result.isError ?? false,
    content: result.content,
    structured: result.structuredContent,
    text: (result.content ?? []).map((it) => it.text ?? "").join("\n"),
  };
}

async function carryOut(client, step) {
  switch (step.op) {
    case "info":
      return {
        protocol: client.transport.protocolVersion,
        server: client.getServerVersion(),
        capabilities: client.getServerCapabilities(),
      };
    case "ping":
      await client.ping(wait);
      return {};
    case "call_tool":
      return called(client, step);
    case "read_resource": {
      const result = await client.readResource({ uri: step.name }, wait);
      return { result, meta: result._meta };
    }
    case "get_prompt": {
      const result = await client.getPrompt({ name: step.name, arguments: step.arguments }, wait);
      return { result, meta: result._meta };
    }
    default:
      if (step.op in lists) return listed(client, step.op);
      console.error(`unknown op \`${step.op}\``);
      process.exit(2);
  }
}

const failure = (error) =>
  typeof error.code === "number"
    ? { error: { code: error.code, message: error.message, data: error.data } }
    : { error: { kind: error.name, message: error.message } };

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

// Carries out steps until one asks for another connection, which it returns, or there are none.
async function eachStep(client) {
  for (let line = await lines.next(); !line.done; line = await lines.next()) {
    if (!line.value.trim()) continue;
    for (const step of [JSON.parse(line.value)].flat()) {
      if (step.op === "connect") return step;
      let shown;
      try {
        if (!client) throw new Error("there is no connection");
        shown = { ok: true, ...(await carryOut(client, step)) };
      } catch (error) {
        shown = { ok: false, ...failure(error) };
      }
      say({ op: step.op, name: step.name ?? null, ...shown });
    }
  }
  return undefined;
}

// Starts a server of its own, to speak to over its standard input and output.
const started = ([command, ...args]) => new StdioClientTransport({ command, args, stderr: "ignore" });

// Carries out steps over one connection; one that was asked for is answered when it is there.
async function connected(url, token, asked) {
  const client = new Client({ name: "first-light-client", version: "1" });
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const transport = words.stdio
    ? started(JSON.parse(words.stdio))
    : new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers }, fetch: remembering });
  try {
    await client.connect(transport, wait);
  } catch (error) {
    say({ op: "connect", ok: false, ...failure(error) });
    return eachStep(undefined);
  }
  if (asked) say({ op: "connect", ok: true });
  const again = await eachStep(client);
  // The task may have ended meanwhile, and then there is no session to end.
  await transport.terminateSession?.().catch(() => {});
  await client.close();
  return again;
}

let url = words.url;
let again = await connected(url, process.env.TOKEN, false);
while (again) {
  url = again.url ?? url;
  again = await connected(url, again.token, true);
}
// A stream the server still holds open must not keep a finished client alive.
process.exit(0);
