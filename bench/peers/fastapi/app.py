"""The digit classifier on FastAPI, as its documentation would have one write it.

Three ways to the same answer: a `def` endpoint (run in FastAPI's thread pool), an `async def` endpoint (run on the
event loop), and an `async def` endpoint that takes and gives plain JSON, without models of what it holds.
"""

import os

import numpy as np
import onnxruntime
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel


class Inputs(BaseModel):
    image: list[list[list[float]]]


class Digits(BaseModel):
    inputs: Inputs


class Outputs(BaseModel):
    probabilities: list[list[float]]
    label: list[int]


class Answer(BaseModel):
    outputs: Outputs


options = onnxruntime.SessionOptions()
# As oneslot's digits do: more threads than one cost such a small model more than they give.
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(
    os.environ["MODEL"], options, providers=["CPUExecutionProvider"]
)

app = FastAPI()


def run(image: list) -> dict:
    feed = {"image": np.asarray(image, dtype=np.float32)}
    probabilities, label = session.run(["probabilities", "label"], feed)
    return {"probabilities": probabilities.tolist(), "label": label.tolist()}


@app.get("/healthz")
async def healthz() -> dict:
    return {"alive": True}


@app.post("/def/predict")
def predict_in_thread(digits: Digits) -> Answer:
    return Answer(outputs=Outputs(**run(digits.inputs.image)))


@app.post("/async/predict")
async def predict_on_loop(digits: Digits) -> Answer:
    return Answer(outputs=Outputs(**run(digits.inputs.image)))


@app.post("/json/predict")
async def predict_plain(request: Request) -> JSONResponse:
    body = await request.json()
    return JSONResponse({"outputs": run(body["inputs"]["image"])})
