"""Runs steps against an MCP endpoint with the Python SDK, one JSON line out for each step in (see steps.py)."""

import argparse
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from steps import CarryOut, drive, remember


def plain(value: Any) -> Any:
    """Returns the wire form of an SDK value."""
    return value.model_dump(by_alias=True, mode="json", exclude_none=True)


def pages(result: Any) -> bool:
    return getattr(result, "next_cursor", None) is not None


async def everything(list_page: Any) -> tuple[list[Any], Any]:
    """Follows cursors until a list has no more pages."""
    found, cursor = [], None
    while True:
        page = await list_page(cursor=cursor, cache_mode="bypass")
        found.append(page)
        if not pages(page):
            return found, page
        cursor = page.next_cursor


async def listed(client: Client, what: str) -> dict[str, Any]:
    verb, field = {
        "list_tools": (client.list_tools, "tools"),
        "list_resources": (client.list_resources, "resources"),
        "list_resource_templates": (client.list_resource_templates, "resource_templates"),
        "list_prompts": (client.list_prompts, "prompts"),
    }[what]
    found, last = await everything(verb)
    items = [plain(item) for page in found for item in getattr(page, field)]
    key = "uriTemplate" if field == "resource_templates" else "uri" if field == "resources" else "name"
    return {"names": sorted(item[key] for item in items), "items": items, "meta": plain(last).get("_meta")}


async def waited(client: Client, step: dict[str, Any]) -> dict[str, Any]:
    """Puts one request as a program does that knows nothing of rounds: the SDK goes through them."""
    if step["op"] == "call_tool":
        result = await client.call_tool(step["name"], step.get("arguments") or {})
    elif step["op"] == "read_resource":
        result = await client.read_resource(step["name"])
    else:
        result = await client.get_prompt(step["name"], step.get("arguments"))
    return told(step, plain(result))


def told(step: dict[str, Any], wire: dict[str, Any]) -> dict[str, Any]:
    """Shows a result."""
    shown = {"result": wire, "meta": wire.get("_meta")}
    if step["op"] == "call_tool":
        texts = [part.get("text", "") for part in wire.get("content", [])]
        shown |= {
            "isError": wire.get("isError", False),
            "content": wire.get("content"),
            "structured": wire.get("structuredContent"),
            "text": "\n".join(texts),
        }
    return shown


async def asked(client: Client, step: dict[str, Any]) -> dict[str, Any]:
    """Puts one request and shows what came, an unfinished answer too."""
    session, arguments = client.session, step.get("arguments")
    if step.get("unmodified"):
        return await waited(client, step)
    again = {
        "request_state": step.get("request_state"),
        "input_responses": step.get("input_responses"),
        "allow_input_required": True,
    }
    if step["op"] == "call_tool":
        result = await session.call_tool(step["name"], arguments or {}, step.get("timeout"), **again)
    elif step["op"] == "read_resource":
        result = await session.read_resource(step["name"], **again)
    else:
        result = await session.get_prompt(step["name"], arguments, **again)
    wire = plain(result)
    if wire.get("resultType") == "input_required":
        state = {"input_required": True, "request_state": wire.get("requestState")}
        return {"result": wire, "meta": wire.get("_meta"), **state}
    return told(step, wire)


async def carry_out(client: Client, step: dict[str, Any]) -> dict[str, Any]:
    op = step["op"]
    if op == "info":
        return {
            "protocol": client.protocol_version,
            "server": plain(client.server_info) if client.server_info else None,
            "capabilities": plain(client.server_capabilities),
        }
    if op == "ping":
        await client.send_ping()
        return {}
    if op.startswith("list_"):
        return await listed(client, op)
    if op in ("call_tool", "read_resource", "get_prompt"):
        return await asked(client, step)
    raise SystemExit(f"unknown op `{op}`")


def started(command: str) -> Any:
    """Starts a server of its own and speaks to it over its standard input and output."""
    program, *rest = json.loads(command)
    return stdio_client(StdioServerParameters(command=program, args=rest))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--url")
    where.add_argument("--stdio", help="the command of a server to start, as a JSON list")
    parser.add_argument("--mode", default="auto", help="auto, legacy, or a revision such as 2026-07-28")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds one request may take")
    words = parser.parse_args()

    @asynccontextmanager
    async def connect(url: str, token: str | None) -> AsyncIterator[CarryOut]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        hooks = {"response": [remember]}
        async with httpx2.AsyncClient(
            headers=headers, timeout=words.timeout, trust_env=False, event_hooks=hooks
        ) as http:
            transport = started(words.stdio) if words.stdio else streamable_http_client(url, http_client=http)
            reading = {"read_timeout_seconds": words.timeout, "cache": None}
            async with Client(transport, mode=words.mode, **reading) as client:
                yield lambda step: carry_out(client, step)

    drive(connect, words.url)


main()
