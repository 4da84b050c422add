"""Connects with the Python SDK's own OAuth: it discovers the token endpoint, proves itself, calls.

Only the assertion is made here, since the SDK's maker writes no `typ`. The one argument is the
address of the MCP endpoint; the identity, its key and the issuer come from the environment.
"""

import asyncio
import json
import os
import sys
import time
import uuid

import httpx2
import jwt
from mcp import Client
from mcp.client.auth.extensions.client_credentials import PrivateKeyJWTOAuthProvider
from mcp.client.streamable_http import streamable_http_client

IDENTITY, KEY, ISSUER = (os.environ[name] for name in ("IDENTITY", "KEY", "ISSUER"))


class Memory:
    """Keeps tokens for one run, as the SDK asks for it."""

    tokens = None
    client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


async def assertion(audience: str) -> str:
    now = int(time.time())
    claims = {"iss": IDENTITY, "sub": IDENTITY, "aud": audience, "iat": now, "exp": now + 60, "jti": str(uuid.uuid4())}
    return jwt.encode(claims, KEY, "ES256", headers={"typ": "client-authentication+jwt"})


async def main(url: str) -> None:
    memory = Memory()
    auth = PrivateKeyJWTOAuthProvider(
        server_url=url, storage=memory, client_id=IDENTITY, assertion_provider=assertion, issuer=ISSUER
    )
    async with httpx2.AsyncClient(auth=auth, timeout=60) as http:
        async with Client(streamable_http_client(url, http_client=http)) as client:
            listed = await client.list_tools()
            called = await client.call_tool("get_ticket", {"ticket": "T-1"})
            shown = {
                "tools": [tool.name for tool in listed.tools],
                "isError": called.is_error,
                "scope": memory.tokens.scope,
            }
            print(json.dumps(shown))


asyncio.run(main(sys.argv[1]))
