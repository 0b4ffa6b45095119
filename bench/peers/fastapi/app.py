"""The same work on FastAPI, as its documentation would have one write it.

Each kind of work has a `def` endpoint (run in FastAPI's thread pool) and an `async def` endpoint (run on the event
loop). The digits have a third, `async def` with plain JSON, without models of what it holds.
"""

import asyncio
import os
import time
from typing import Annotated

import numpy as np
import onnxruntime
from fastapi import Body, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

MODELS = os.environ["MODELS"]
THREADS = int(os.environ["THREADS"])
# The CPU takes what the GPU can't, as in oneslot.
PROVIDERS = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"],
}[os.environ["PROVIDER"]]


def load(name: str, threads: int) -> onnxruntime.InferenceSession | None:
    file = f"{MODELS}/{name}/1/model.onnx"
    # Some repositories have only some of the models.
    if not os.path.exists(file):
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(file, options, providers=PROVIDERS)


# As oneslot's digits do: more threads than one cost such a small model more than they give.
digits = load("digits", 1)
burn = load("burn", THREADS)
weigh = load("weigh", THREADS)

app = FastAPI()


@app.get("/healthz")
async def healthz() -> dict:
    return {"alive": True}


# Waiting.


class Wait(BaseModel):
    seconds: float


@app.post("/def/wait")
def wait_in_thread(wait: Wait) -> dict:
    time.sleep(wait.seconds)
    return {"waited": wait.seconds}


@app.post("/async/wait")
async def wait_on_loop(wait: Wait) -> dict:
    await asyncio.sleep(wait.seconds)
    return {"waited": wait.seconds}


# Computing for as long as the request says.


class BurnInputs(BaseModel):
    iterations: list[int]
    seed: list[int] = [1]


class Burn(BaseModel):
    inputs: BurnInputs


def run_burn(inputs: BurnInputs) -> dict:
    feed = {
        "iterations": np.asarray(inputs.iterations, dtype=np.int64),
        "seed": np.asarray(inputs.seed, dtype=np.int64),
    }
    started = time.perf_counter()
    checksum, head = burn.run(["checksum", "head"], feed)
    ms = (time.perf_counter() - started) * 1000
    return {"outputs": {"checksum": checksum.tolist(), "head": head.tolist()}, "ms": ms}


@app.post("/def/burn")
def burn_in_thread(body: Burn) -> dict:
    return run_burn(body.inputs)


@app.post("/async/burn")
async def burn_on_loop(body: Burn) -> dict:
    return run_burn(body.inputs)


# A large tensor as the raw body.


def run_weigh(data: bytes) -> dict:
    (total,) = weigh.run(["sum"], {"data": np.frombuffer(data, dtype="<f4")})
    return {"outputs": {"sum": total.tolist()}}


@app.post("/def/weigh")
def weigh_in_thread(data: Annotated[bytes, Body(media_type="application/octet-stream")]) -> dict:
    return run_weigh(data)


@app.post("/async/weigh")
async def weigh_on_loop(request: Request) -> dict:
    return run_weigh(await request.body())


# A tiny model with JSON.


class Inputs(BaseModel):
    image: list[list[list[float]]]


class Digits(BaseModel):
    inputs: Inputs


class Outputs(BaseModel):
    probabilities: list[list[float]]
    label: list[int]


class Answer(BaseModel):
    outputs: Outputs


def run_digits(image: list) -> dict:
    feed = {"image": np.asarray(image, dtype=np.float32)}
    probabilities, label = digits.run(["probabilities", "label"], feed)
    return {"probabilities": probabilities.tolist(), "label": label.tolist()}


@app.post("/def/predict")
def predict_in_thread(body: Digits) -> Answer:
    return Answer(outputs=Outputs(**run_digits(body.inputs.image)))


@app.post("/async/predict")
async def predict_on_loop(body: Digits) -> Answer:
    return Answer(outputs=Outputs(**run_digits(body.inputs.image)))


@app.post("/json/predict")
async def predict_plain(request: Request) -> JSONResponse:
    body = await request.json()
    return JSONResponse({"outputs": run_digits(body["inputs"]["image"])})
