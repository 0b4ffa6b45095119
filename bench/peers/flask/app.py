"""The same work on Flask: every request has the one worker for itself."""

import os
import time

import numpy as np
import onnxruntime
from flask import Flask, jsonify, request

MODELS = os.environ["MODELS"]
THREADS = int(os.environ["THREADS"])
# The CPU takes what the GPU can't, as in oneslot.
PROVIDERS = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"],
}[os.environ["PROVIDER"]]


def load(name: str, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    file = f"{MODELS}/{name}/1/model.onnx"
    return onnxruntime.InferenceSession(file, options, providers=PROVIDERS)


# As oneslot's digits do: more threads than one cost such a small model more than they give.
digits = load("digits", 1)
burn = load("burn", THREADS)
weigh = load("weigh", THREADS)

app = Flask(__name__)


@app.get("/healthz")
def healthz():
    return jsonify(alive=True)


@app.post("/wait")
def wait():
    seconds = request.get_json()["seconds"]
    time.sleep(seconds)
    return jsonify(waited=seconds)


@app.post("/burn")
def run_burn():
    inputs = request.get_json()["inputs"]
    feed = {
        "iterations": np.asarray(inputs["iterations"], dtype=np.int64),
        "seed": np.asarray(inputs.get("seed", [1]), dtype=np.int64),
    }
    started = time.perf_counter()
    checksum, head = burn.run(["checksum", "head"], feed)
    ms = (time.perf_counter() - started) * 1000
    return jsonify(outputs={"checksum": checksum.tolist(), "head": head.tolist()}, ms=ms)


@app.post("/weigh")
def run_weigh():
    (total,) = weigh.run(["sum"], {"data": np.frombuffer(request.get_data(), dtype="<f4")})
    return jsonify(outputs={"sum": total.tolist()})


@app.post("/predict")
def run_digits():
    image = request.get_json()["inputs"]["image"]
    probabilities, label = digits.run(
        ["probabilities", "label"], {"image": np.asarray(image, dtype=np.float32)}
    )
    return jsonify(outputs={"probabilities": probabilities.tolist(), "label": label.tolist()})
