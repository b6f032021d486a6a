"""Runs the plans of standard input with the Python client: all requests of all plans at once."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gateway_client import GatewayClient, GatewayError, Reply


def run(client: GatewayClient, request: dict[str, Any]) -> dict[str, Any]:
    file = Path(request.get("file", "/dev/null")).read_bytes()
    match request["route"]:
        case "chat":
            replies = client.chat(**request["fields"])
        case "vision":
            replies = client.vision(request["prompt"], file)
        case _:
            replies = client.speech(file)
    reply = Reply()
    try:
        for reply in replies:
            if len(reply.text) >= request.get("leave_after", 1_000_000):
                replies.close()
    except GatewayError as error:
        return {"error": error.code, "status": error.status}
    return {"text": reply.text, "transcript": reply.transcript, "finish_reason": reply.finish_reason}


def run_plan(plan: dict[str, Any]) -> dict[str, Any]:
    saved: list[str] = []
    client = GatewayClient(
        plan["url"],
        plan["refresh_token"],
        saved.append,
        access_token=plan["access_token"],
        patience_seconds=plan["patience_seconds"],
        silence_seconds=plan["silence_seconds"],
    )
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda request: run(client, request), plan["requests"]))
    return {"results": results, "saved": saved}


with ThreadPoolExecutor(8) as threads:
    json.dump(list(threads.map(run_plan, json.load(sys.stdin))), sys.stdout)
