// An authorization server that stands on oidc-provider: client credentials, token exchange (RFC 8693), revocation, introspection.
//
//     N tests/real/servers/provider.mjs R/provider
//
// On standard input comes one line of JSON: {"public": PEM, "issuer": …, "audience": …, "life": SECONDS}. It listens on loopback, prints
// {"port": …}, and ends with its input. A line `away` has it hang up on whoever comes until a line `back`; each is answered with itself.
// oidc-provider decides who a client is, which grant it may use, what it may ask for by its own credentials, and what becomes of every token;
// what a word is worth that is traded in is decided here with jose, by the public key, and so is the scope that it is traded for.

import { createServer } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const load = (path) => import(pathToFileURL(join(process.argv[2], "node_modules", path)).href);
const { Provider, errors } = await load("oidc-provider/lib/index.js");
const jose = await load("jose/dist/webapi/index.js");

const JWT = "urn:ietf:params:oauth:token-type:jwt";
const ACCESS = "urn:ietf:params:oauth:token-type:access_token";
const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
// Its tokens are looked at by whoever reads them, and the server keeps none of them.
const SIGNED = "https://signed.example/";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const told = JSON.parse((await lines.next()).value);
const key = await jose.importSPKI(told.public, "ES256");
const used = new Set();
const traded = new WeakMap();

// Whom a word is about: signed by the one key, for us, by whom we know, in its minute, once.
async function subject(word) {
  const claims = ["sub", "exp", "iat", "jti"];
  const { issuer, audience } = told;
  const rules = { issuer, audience, typ: "JWT", algorithms: ["ES256"], maxTokenAge: 60, requiredClaims: claims };
  const read = await jose.jwtVerify(word, key, rules).catch(() => undefined);
  if (!read || used.has(read.payload.jti) || 60 < read.payload.exp - read.payload.iat) {
    throw new errors.InvalidRequest("the word is not good");
  }
  used.add(read.payload.jti);
  return read.payload;
}

async function exchange(ctx) {
  const { client, params } = ctx.oidc;
  if (params.subject_token_type !== JWT || params.requested_token_type !== ACCESS) {
    throw new errors.InvalidRequest("only a JWT is traded, for an access token");
  }
  const allowed = client.scope.split(" ");
  if (!params.scope?.split(" ").every((it) => allowed.includes(it))) {
    throw new errors.InvalidScope("not for this client", params.scope);
  }
  const { sub, act, txn } = await subject(params.subject_token ?? "");
  const token = new ctx.oidc.provider.AccessToken({ client, accountId: sub, gty: EXCHANGE, scope: params.scope });
  traded.set(token, { act, txn });
  ctx.oidc.entity("AccessToken", token);
  ctx.body = {
    access_token: await token.save(),
    issued_token_type: ACCESS,
    token_type: token.tokenType,
    expires_in: token.expiration,
    scope: token.scope,
  };
}

// A client asks about its own tokens, and ends no others.
const own = (_ctx, client, token) => client.clientId === token.clientId;

async function make(issuer) {
  const { privateKey } = await jose.generateKeyPair("ES256", { extractable: true });
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "a client",
        client_secret: "a secret",
        token_endpoint_auth_method: "client_secret_basic",
        grant_types: ["client_credentials", EXCHANGE],
        redirect_uris: [],
        response_types: [],
        scope: "orders:read orders:write",
      },
    ],
    clientDefaults: { id_token_signed_response_alg: "ES256" },
    scopes: ["orders:read", "orders:write", "admin"],
    jwks: { keys: [{ ...(await jose.exportJWK(privateKey)), alg: "ES256", use: "sig" }] },
    ttl: { ClientCredentials: told.life, AccessToken: told.life },
    routes: { token: "/token", revocation: "/revoke", introspection: "/introspect" },
    extraTokenClaims: (_ctx, token) => traded.get(token),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true, allowedPolicy: own },
      revocation: { enabled: true, allowedPolicy: own },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, resource) => {
          if (resource !== SIGNED) throw new errors.InvalidTarget();
          return { scope: "orders:read", accessTokenFormat: "jwt", jwt: { sign: { alg: "ES256" } } };
        },
      },
    },
  });
  const params = ["subject_token", "subject_token_type", "requested_token_type", "scope"];
  provider.registerGrantType(EXCHANGE, exchange, params);
  return provider;
}

const server = createServer();
let away = false;
server.on("connection", (socket) => away && socket.destroy());
server.listen(0, "127.0.0.1", async () => {
  const { port } = server.address();
  const provider = await make(`http://127.0.0.1:${port}`);
  server.on("request", provider.callback());
  console.log(JSON.stringify({ port }));
});
for await (const line of lines) {
  away = line === "away";
  if (away) server.closeAllConnections();
  console.log(line);
}
process.exit();
