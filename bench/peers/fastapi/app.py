"""FastAPI + arq: verifies a delivery, adds it to a queue, answers 200 when Redis has it."""

import hashlib
import hmac
import os
from contextlib import asynccontextmanager

from arq import create_pool
from arq.connections import RedisSettings
from fastapi import FastAPI, Request, Response

APP_SECRET = os.environ["APP_SECRET"].encode()
REDIS = RedisSettings(host="127.0.0.1", port=int(os.environ["REDIS_PORT"]))


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.queue = await create_pool(REDIS)
    yield
    await app.state.queue.aclose()


app = FastAPI(lifespan=lifespan, openapi_url=None)


@app.get("/healthz")
async def healthz() -> Response:
    return Response("ok")


@app.post("/webhooks/instagram")
async def receive(request: Request) -> Response:
    # The signature is over the bytes as they came, so nothing may parse them before.
    body = await request.body()
    given = request.headers.get("x-hub-signature-256", "")
    expected = "sha256=" + hmac.digest(APP_SECRET, body, hashlib.sha256).hex()
    if not hmac.compare_digest(given.encode(), expected.encode()):
        return Response(status_code=401)
    await request.app.state.queue.enqueue_job("handle_delivery", body)
    return Response(status_code=200)
