// Runs steps against an MCP endpoint with the TypeScript SDK, one JSON line out for each step in (see steps.mjs):
// version 1 (`@modelcontextprotocol/sdk`), or with `--mode legacy|auto` version 2 (`@modelcontextprotocol/client`).
// The SDK is found from the folder named by the environment variable PARTS, where npm put it.

import { createRequire } from "node:module";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";

import { drive, remembering, unknown } from "./steps.mjs";

const { values: words } = parseArgs({
  options: {
    url: { type: "string" },
    stdio: { type: "string" },
    mode: { type: "string" },
    timeout: { type: "string", default: "120" },
  },
});
if (!(words.url || words.stdio) || !process.env.PARTS) {
  console.error(
    "usage: PARTS=FOLDER [TOKEN=…] node mcp_client.mjs (--url URL | --stdio COMMAND) [--mode legacy|auto] [--timeout SECONDS]",
  );
  process.exit(2);
}

const parts = createRequire(resolve(process.env.PARTS, "package.json"));
const load = async (name) => {
  // A package's CommonJS entry has an ECMAScript twin beside it.
  const entry = parts.resolve(name).replace("/dist/cjs/", "/dist/esm/").replace(/\.cjs$/, ".mjs");
  return import(pathToFileURL(entry).href);
};
const first = "@modelcontextprotocol/sdk/client";
const second = "@modelcontextprotocol/client";
const names = words.mode ? [second, second, `${second}/stdio`] : [`${first}/index.js`, `${first}/streamableHttp.js`, `${first}/stdio.js`];
const [{ Client }, { StreamableHTTPClientTransport }, { StdioClientTransport }] = await Promise.all(names.map(load));

const timeout = Number(words.timeout) * 1000;
const lists = {
  list_tools: ["listTools", "tools", "name"],
  list_resources: ["listResources", "resources", "uri"],
  list_resource_templates: ["listResourceTemplates", "resourceTemplates", "uriTemplate"],
  list_prompts: ["listPrompts", "prompts", "name"],
};

async function listed(client, op, within) {
  const [verb, field, key] = lists[op];
  const items = [];
  let page;
  do {
    page = await client[verb](page ? { cursor: page.nextCursor } : {}, within);
    items.push(...page[field]);
  } while (page.nextCursor !== undefined);
  return { names: items.map((it) => it[key]).sort(), items, meta: page._meta };
}

async function called(client, step, within) {
  const asked = { name: step.name, arguments: step.arguments ?? {} };
  const result = await (words.mode ? client.callTool(asked, within) : client.callTool(asked, undefined, within));
  return {
    result,
    meta: result._meta,
    isError: result.isError ?? false,
    content: result.content,
    structured: result.structuredContent,
    text: (result.content ?? []).map((it) => it.text ?? "").join("\n"),
  };
}

async function carryOut(client, step, signal) {
  const within = { timeout: step.timeout ? step.timeout * 1000 : timeout, signal };
  switch (step.op) {
    case "info":
      return {
        protocol: client.getNegotiatedProtocolVersion?.() ?? client.transport.protocolVersion,
        server: client.getServerVersion(),
        capabilities: client.getServerCapabilities(),
      };
    case "ping":
      await client.ping(within);
      return {};
    case "call_tool":
      return called(client, step, within);
    case "read_resource": {
      const result = await client.readResource({ uri: step.name }, within);
      return { result, meta: result._meta };
    }
    case "get_prompt": {
      const result = await client.getPrompt({ name: step.name, arguments: step.arguments }, within);
      return { result, meta: result._meta };
    }
    default:
      return step.op in lists ? listed(client, step.op, within) : unknown(step.op);
  }
}

// Starts a server of its own, to speak to over its standard input and output.
const started = ([command, ...args]) => new StdioClientTransport({ command, args, stderr: "ignore" });

async function connect(url, token) {
  const options = words.mode === "auto" ? { versionNegotiation: { mode: "auto" } } : {};
  const client = new Client({ name: "first-light-client", version: "1" }, options);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const transport = words.stdio
    ? started(JSON.parse(words.stdio))
    : new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers }, fetch: remembering });
  await client.connect(transport, { timeout });
  return {
    carryOut: (step, signal) => carryOut(client, step, signal),
    close: async () => {
      // The task may have ended meanwhile, and then there is no session to end.
      await transport.terminateSession?.().catch(() => {});
      await client.close();
    },
  };
}

await drive(connect, words.url);
