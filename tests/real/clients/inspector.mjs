// Runs steps with the command line of the MCP Inspector, one run of it for each step (see steps.mjs). The program is named
// by the environment variable INSPECTOR. The token reaches it in a file, as it does where people use it.

import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { drive, unknown } from "./steps.mjs";

const { values: words } = parseArgs({
  options: { url: { type: "string" }, mode: { type: "string", default: "legacy" } },
});
if (!words.url || !process.env.INSPECTOR) {
  console.error("usage: INSPECTOR=PROGRAM TOKEN=… node inspector.mjs --url URL [--mode legacy|auto]");
  process.exit(2);
}

// Runs the inspector to its end: what it printed, and what it complained of when it printed nothing.
function run(home, more, signal) {
  const general = ["--cli", "--config", join(home, "mcp.json"), "--server", "it", "--protocol-era", words.mode];
  const all = [process.env.INSPECTOR, ...general, "--quiet", "--format", "json", ...more];
  const env = { PATH: process.env.PATH, HOME: home, MCP_INSPECTOR_SECRET_STORE: "memory" };
  const child = spawn(process.execPath, all, { env, stdio: ["ignore", "pipe", "pipe"] });
  signal?.addEventListener("abort", () => child.kill("SIGINT"));
  const said = ["", ""];
  [child.stdout, child.stderr].forEach((stream, it) => stream.on("data", (chunk) => (said[it] += chunk)));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, killed) => {
      if (said[0].trim()) resolve(JSON.parse(said[0]).result);
      else reject(new Error(said[1].trim() || `ended (${killed ?? code})`));
    });
  });
}

async function carryOut(home, step, signal) {
  if (step.op === "list_tools") {
    const { tools } = await run(home, ["--method", "tools/list"], signal);
    return { names: tools.map((it) => it.name).sort(), items: tools };
  }
  if (step.op !== "call_tool") return unknown(step.op);
  const asked = ["--tool-name", step.name, "--tool-args-json", JSON.stringify(step.arguments ?? {})];
  const result = await run(home, ["--method", "tools/call", ...asked], signal);
  const text = result.content.map((it) => it.text ?? "").join("\n");
  return { result, meta: result._meta, isError: result.isError ?? false, structured: result.structuredContent, text };
}

async function connect(url, token) {
  const home = await mkdtemp(join(tmpdir(), "inspector-"));
  const server = { type: "streamable-http", url, headers: { Authorization: `Bearer ${token}` } };
  await writeFile(join(home, "mcp.json"), JSON.stringify({ mcpServers: { it: server } }), { mode: 0o600 });
  return {
    carryOut: (step, signal) => carryOut(home, step, signal),
    close: () => rm(home, { recursive: true }),
  };
}

await drive(connect, words.url);
