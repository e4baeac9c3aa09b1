"""Official clients against the gateway, unmodified but for base URL and key. Prints one JSON object of what they saw."""
import asyncio
import json
import os
import sys

import anthropic
import openai

ROOT = os.environ["GATEWAY_URL"]
KEY = os.environ["GATEWAY_KEY"]
POOR = os.environ["GATEWAY_POOR_KEY"]
CHAT = "openai/gpt-4.1-mini"
CLAUDE = "anthropic/claude-sonnet-4.5"
TOOL = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Looks around",
        "parameters": {"type": "object", "properties": {"where": {"type": "string"}}},
    },
}
seen = {}


def openai_client():
    client = openai.OpenAI(base_url=ROOT + "/v1", api_key=KEY)
    ask = [{"role": "user", "content": "Say something"}]
    answer = client.chat.completions.create(model=CHAT, messages=ask)
    seen["openai_text"] = answer.choices[0].message.content
    seen["openai_tokens"] = answer.usage.completion_tokens
    text, usage = "", None
    stream = client.chat.completions.create(
        model=CHAT, messages=ask, stream=True, stream_options={"include_usage": True}, tools=[TOOL]
    )
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            text += chunk.choices[0].delta.content
        usage = chunk.usage or usage
    seen["openai_stream_text"] = text
    seen["openai_stream_tokens"] = usage.completion_tokens
    seen["openai_response"] = client.responses.create(model=CHAT, input="Say something").output_text
    seen["openai_embedding"] = len(
        client.embeddings.create(model="openai/text-embedding-3-small", input="words").data[0].embedding
    )
    seen["openai_models"] = len(client.models.list().data)
    try:
        openai.OpenAI(base_url=ROOT + "/v1", api_key=POOR).chat.completions.create(model=CHAT, messages=ask)
    except openai.APIStatusError as error:
        seen["openai_refused"] = error.status_code
        seen["openai_refused_code"] = error.body.get("code")
    try:
        openai.OpenAI(base_url=ROOT + "/v1", api_key="sk-wrong").models.list()
    except openai.AuthenticationError as error:
        seen["openai_wrong_key"] = error.status_code


def anthropic_client():
    client = anthropic.Anthropic(base_url=ROOT, api_key=KEY)
    ask = [{"role": "user", "content": "Say something"}]
    tools = [{"name": "look", "input_schema": {"type": "object", "properties": {}}}]
    answer = client.messages.create(model=CLAUDE, max_tokens=200, messages=ask, tools=tools)
    seen["anthropic_text"] = answer.content[0].text
    with client.messages.stream(model=CLAUDE, max_tokens=200, messages=ask) as stream:
        seen["anthropic_stream_text"] = "".join(stream.text_stream)
        seen["anthropic_stop"] = stream.get_final_message().stop_reason
    bearer = anthropic.Anthropic(base_url=ROOT, auth_token=KEY, api_key=None)
    seen["anthropic_count"] = bearer.messages.count_tokens(model=CLAUDE, messages=ask).input_tokens
    try:
        anthropic.Anthropic(base_url=ROOT, api_key=POOR).messages.create(model=CLAUDE, max_tokens=200, messages=ask)
    except anthropic.APIStatusError as error:
        seen["anthropic_refused"] = error.status_code


def agent():
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    model = OpenAIChatModel(CHAT, provider=OpenAIProvider(base_url=ROOT + "/v1", api_key=KEY))
    helper = Agent(model, instructions="Be brief")

    @helper.tool_plain
    def look(where: str) -> str:
        return "nothing there"

    async def run():
        result = await helper.run("Say something")
        seen["agent_text"] = str(result.output)
        async with helper.run_stream("Say more") as stream:
            seen["agent_stream_text"] = str(await stream.get_output())

    asyncio.run(run())


openai_client()
anthropic_client()
agent()
json.dump(seen, sys.stdout)
