"""The baseline: one FastAPI route that validates the same body and responds at once, nothing else."""

from fastapi import FastAPI

from app.schemas.chat import ChatRequest

app = FastAPI()


@app.post("/chat")
async def chat(body: ChatRequest) -> dict[str, object]:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    timings = {"queue_ms": 0.1, "ttft_ms": 0.2, "total_ms": 0.3}
    return {
        "id": "req_0",
        "model": "bare",
        "content": "Hello.",
        "finish_reason": "stop",
        "usage": usage,
        "timings": timings,
    }
