"""Runs steps with the OpenAI Agents SDK, one JSON line out for each step in (see steps.py).

Each call is a whole run of an agent: in place of a model there is one that wants exactly this
call, and then repeats what it was told of it. So what is shown is what a model would have read.
"""

import argparse
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from agents import Agent, Model, ModelResponse, Runner, Usage, set_tracing_disabled
from agents.mcp import MCPServerStreamableHttp
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from steps import CarryOut, Step, drive


class Wish(Model):
    """A model with one wish."""

    def __init__(self, step: Step) -> None:
        self.step = step

    async def get_response(self, system_instructions: Any, input: Any, *rest: Any, **more: Any) -> ModelResponse:
        said = input if isinstance(input, list) else []
        told = [it for it in said if it.get("type") == "function_call_output"]
        output = repeated(told[-1]) if told else self.call()
        return ModelResponse(output=[output], usage=Usage(), response_id=None)

    def call(self) -> ResponseFunctionToolCall:
        arguments = json.dumps(self.step.get("arguments") or {})
        return ResponseFunctionToolCall(
            type="function_call", call_id="one", name=self.step["name"], arguments=arguments
        )

    def stream_response(self, *rest: Any, **more: Any) -> Any:
        raise NotImplementedError


def repeated(told: Any) -> ResponseOutputMessage:
    output = told["output"]
    parts = output if isinstance(output, list) else [{"text": output}]
    text = ResponseOutputText(type="output_text", text="\n".join(it.get("text", "") for it in parts), annotations=[])
    return ResponseOutputMessage(type="message", id="said", role="assistant", status="completed", content=[text])


async def carry_out(server: MCPServerStreamableHttp, step: Step) -> dict[str, Any]:
    agent = Agent(name="it", mcp_servers=[server], model=Wish(step))
    if step["op"] == "list_tools":
        return {"names": sorted(it.name for it in await agent.get_mcp_tools(None))}
    if step["op"] == "call_tool":
        return {"text": (await Runner.run(agent, "do it")).final_output}
    raise SystemExit(f"unknown op `{step['op']}`")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    words = parser.parse_args()
    set_tracing_disabled(True)

    @asynccontextmanager
    async def connect(url: str, token: str | None) -> AsyncIterator[CarryOut]:
        # The time for one answer must be longer than the gateway keeps a held call.
        async with MCPServerStreamableHttp(
            params={"url": url, "headers": {"Authorization": f"Bearer {token}"}, "timeout": 120},
            client_session_timeout_seconds=120,
        ) as server:
            yield lambda step: carry_out(server, step)

    drive(connect, words.url)


main()
