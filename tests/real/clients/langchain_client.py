"""Runs steps with LangChain's MCP adapters, one JSON line out for each step in (see steps.py).

What is shown of a call is the message that a LangChain agent hands to its model.
"""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from langchain_core.tools import BaseTool
from langchain_mcp_adapters.client import MultiServerMCPClient

from steps import CarryOut, Step, drive


async def carry_out(tools: dict[str, BaseTool], step: Step) -> dict[str, Any]:
    if step["op"] == "list_tools":
        return {"names": sorted(tools)}
    if step["op"] != "call_tool":
        raise SystemExit(f"unknown op `{step['op']}`")
    call = {"type": "tool_call", "id": "one", "name": step["name"], "args": step.get("arguments") or {}}
    message = await tools[step["name"]].ainvoke(call)
    return {"text": message.text, "isError": message.status == "error"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    words = parser.parse_args()

    @asynccontextmanager
    async def connect(url: str, token: str | None) -> AsyncIterator[CarryOut]:
        server = {"transport": "http", "url": url, "headers": {"Authorization": f"Bearer {token}"}}
        tools = await MultiServerMCPClient({"it": server}).get_tools()
        by_name = {tool.name: tool for tool in tools}
        yield lambda step: carry_out(by_name, step)

    drive(connect, words.url)


main()
