// A strict client that others wrote judges the token endpoint, its metadata and its tokens.
//
// ISSUER, IDENTITY and KEY (PKCS#8) say who asks where, RESOURCE for what, JUDGES where the packages lie.

import { join } from "node:path";
import { pathToFileURL } from "node:url";

const { ISSUER, IDENTITY, KEY, RESOURCE, JUDGES } = process.env;
const load = (path) => import(pathToFileURL(join(JUDGES, "node_modules", path)).href);
const oauth = await load("oauth4webapi/build/index.js");
const jose = await load("jose/dist/webapi/index.js");

// On loopback, in the clear.
const plain = { [oauth.allowInsecureRequests]: true };
const told = {};

// What there is, found by its issuer alone, and read by the rules of RFC 8414 and RFC 9728.
const issuer = new URL(ISSUER);
const as = await oauth.processDiscoveryResponse(
  issuer,
  await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...plain }),
);
const resource = new URL(RESOURCE);
const described = await oauth.processResourceDiscoveryResponse(
  resource,
  await oauth.resourceDiscoveryRequest(resource, plain),
);
told.discovered = described.authorization_servers.includes(as.issuer);

const client = { client_id: IDENTITY };
const key = await jose.importPKCS8(KEY, "ES256");
// RFC 10070 wants the type; the rest is as the package makes it.
const typed = (header) => {
  header.typ = "client-authentication+jwt";
};
const proof = oauth.PrivateKeyJwt(key, { [oauth.modifyAssertion]: typed });

// Asks once more where a nonce is wanted, as its documentation says.
async function patient(ask) {
  try {
    return await ask();
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return await ask();
  }
}

async function token(options) {
  return await patient(async () => {
    const parameters = new URLSearchParams({ resource: RESOURCE });
    const answer = await oauth.clientCredentialsGrantRequest(as, client, proof, parameters, {
      ...plain,
      ...options,
    });
    return await oauth.processClientCredentialsResponse(as, client, answer);
  });
}

const call = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "tools/call",
  params: { name: "get_ticket", arguments: { ticket: "T-1" } },
});
const heads = () =>
  new Headers({ "content-type": "application/json", accept: "application/json, text/event-stream" });

async function calls(access, options) {
  const answer = await patient(() =>
    oauth.protectedResourceRequest(access, "POST", resource, heads(), call, { ...plain, ...options }),
  );
  return (await answer.json()).result.isError;
}

// A bearer token: judged by RFC 9068, and by another reader of signed texts.
const bearer = await token({});
told.bearer = bearer.token_type;
const shown = new Request(RESOURCE, { headers: { authorization: `Bearer ${bearer.access_token}` } });
const claims = await oauth.validateJwtAccessToken(as, shown, RESOURCE, plain);
told.sub = claims.sub;
const keys = jose.createRemoteJWKSet(new URL(as.jwks_uri));
const rules = {
  issuer: as.issuer,
  audience: RESOURCE,
  typ: "at+jwt",
  algorithms: ["ES256"],
  requiredClaims: ["exp", "iat", "jti", "sub", "client_id", "scope", "authorization_details"],
};
const read = await jose.jwtVerify(bearer.access_token, keys, rules);
told.same = read.payload.jti === claims.jti;
const [header, body, signature] = bearer.access_token.split(".");
const more = JSON.stringify({ ...read.payload, sub: "planner", client_id: "planner" });
const forged = [header, Buffer.from(more).toString("base64url"), signature].join(".");
told.forged = await jose.jwtVerify(forged, keys, rules).then(
  () => "taken",
  (error) => error.code,
);
told.called = await calls(bearer.access_token, {});

// A token that is bound to a key: asked for, judged and used with proofs of it.
const pair = await oauth.generateKeyPair("ES256");
const DPoP = oauth.DPoP(client, pair);
const bound = await token({ DPoP });
told.bound = bound.token_type;
told.boundCalled = await calls(bound.access_token, { DPoP });
let proved;
const taken = async (url, options) => {
  proved = new Request(url, options);
  return new Response("{}", { headers: { "content-type": "application/json" } });
};
await oauth.protectedResourceRequest(bound.access_token, "GET", resource, heads(), null, {
  ...plain,
  DPoP,
  [oauth.customFetch]: taken,
});
const held = await oauth.validateJwtAccessToken(as, proved, RESOURCE, { ...plain, requireDPoP: true });
told.thumbprint = held.cnf.jkt === (await jose.calculateJwkThumbprint(await jose.exportJWK(pair.publicKey)));
told.stolen = await calls(bound.access_token, {}).then(
  () => "taken",
  (error) => error.cause?.[0]?.scheme ?? String(error),
);

// Looked at, given back, looked at again.
async function active() {
  const answer = await oauth.introspectionRequest(as, client, proof, bearer.access_token, plain);
  return (await oauth.processIntrospectionResponse(as, client, answer)).active;
}
told.before = await active();
await oauth.processRevocationResponse(
  await oauth.revocationRequest(as, client, proof, bearer.access_token, plain),
);
told.after = await active();

console.log(JSON.stringify(told));
