// Reads steps and says what came of them: what the scripts for clients on Node.js have in common.
//
// Standard input holds steps as JSON: one step, or a list of steps, on each line. Each step is
// carried out before the next line is read, so a test can act in between. A step that says
// `cancel: true` is carried out until the next line comes, which cancels it.

import { createInterface } from "node:readline";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (line) => process.stdout.write(`${JSON.stringify({ ...line, status: lastStatus })}\n`);

// Keeps the status of the last answer to a POST; an SDK hides it when all goes well.
let lastStatus = null;
export const remembering = async (url, init) => {
  const response = await fetch(url, init);
  if (init?.method === "POST") lastStatus = response.status;
  return response;
};

const failure = (error) =>
  typeof error.code === "number"
    ? { error: { code: error.code, message: error.message, data: error.data } }
    : { error: { kind: error.name, message: error.message } };

// Carries one step out, unless the next line comes first and may cancel it.
async function carriedOut(client, step) {
  if (!client) throw new Error("there is no connection");
  if (!step.cancel) return client.carryOut(step);
  const cancelling = new AbortController();
  const done = client.carryOut(step, cancelling.signal);
  done.catch(() => {});
  await lines.next();
  cancelling.abort();
  return done;
}

// Carries out steps until one asks for another connection, which it returns, or there are none.
async function eachStep(client) {
  for (let line = await lines.next(); !line.done; line = await lines.next()) {
    if (!line.value.trim()) continue;
    for (const step of [JSON.parse(line.value)].flat()) {
      if (step.op === "connect") return step;
      let shown;
      try {
        shown = { ok: true, ...(await carriedOut(client, step)) };
      } catch (error) {
        shown = { ok: false, ...failure(error) };
      }
      say({ op: step.op, name: step.name ?? null, ...shown });
    }
  }
  return undefined;
}

// Carries out steps over one connection; one that was asked for is answered when it is there.
async function connected(connect, url, token, asked) {
  let client;
  try {
    client = await connect(url, token);
  } catch (error) {
    say({ op: "connect", ok: false, ...failure(error) });
    return eachStep(undefined);
  }
  if (asked) say({ op: "connect", ok: true });
  const again = await eachStep(client);
  await client.close();
  return again;
}

// Goes through all steps. `connect` takes an address and a token, and gives `carryOut(step, signal)` and `close()`.
// The first token comes from the environment variable TOKEN, never from the command line.
export async function drive(connect, url) {
  let again = await connected(connect, url, process.env.TOKEN, false);
  while (again) {
    url = again.url ?? url;
    again = await connected(connect, url, again.token, true);
  }
  // A stream the server still holds open must not keep a finished client alive.
  process.exit(0);
}

export function unknown(op) {
  console.error(`unknown op \`${op}\``);
  process.exit(2);
}
