// Stands before a server on loopback and adds a token to what passes: `TOKEN=... node bearer.mjs URL`.
// Prints its own address. A client that hangs up is hung up on the other side as well.

import http from "node:http";

const target = new URL(process.argv[2]);
const token = process.env.TOKEN;

const server = http.createServer((request, response) => {
  const own = `127.0.0.1:${server.address().port}`;
  const there = (text) => text?.replaceAll(own, target.host).replaceAll(own.replace("127.0.0.1", "localhost"), target.host);
  // What names another host goes on as it is: whoever answers must see it.
  const headers = { ...request.headers, host: there(request.headers.host), authorization: `Bearer ${token}` };
  if (headers.origin) headers.origin = there(headers.origin);
  const options = { host: target.hostname, port: target.port, path: target.pathname, method: request.method, headers };
  const passed = http.request(options, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    response.flushHeaders();
    answer.pipe(response);
    answer.on("error", () => response.destroy());
  });
  passed.on("error", () => response.destroy());
  response.on("close", () => passed.destroy());
  request.pipe(passed);
});

server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/mcp`));
