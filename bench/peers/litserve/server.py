"""The same work on LitServe: one API, one worker.

An API has one endpoint and one form of request. So the JSON of all models comes to one endpoint and names its work, and
the large tensors have a server of their own (FORM=raw), whose body is the tensor.
"""

import os
import time
from typing import Annotated

import litserve as ls
import numpy as np
import onnxruntime
from fastapi import Body

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


class Work(ls.LitAPI):
    def setup(self, device):
        # As oneslot's digits do: more threads than one cost such a small model more than they give.
        self.digits = load("digits", 1)
        self.burn = load("burn", THREADS)
        self.weigh = load("weigh", THREADS)

    def decode_request(self, request):
        return request

    def predict(self, body):
        return getattr(self, f"run_{body['work']}")(body)

    def encode_response(self, output):
        return output

    def run_wait(self, body):
        time.sleep(body["seconds"])
        return {"waited": body["seconds"]}

    def run_burn(self, body):
        inputs = body["inputs"]
        feed = {
            "iterations": np.asarray(inputs["iterations"], dtype=np.int64),
            "seed": np.asarray(inputs.get("seed", [1]), dtype=np.int64),
        }
        started = time.perf_counter()
        checksum, head = self.burn.run(["checksum", "head"], feed)
        ms = (time.perf_counter() - started) * 1000
        return {"outputs": {"checksum": checksum.tolist(), "head": head.tolist()}, "ms": ms}

    def run_digits(self, body):
        image = np.asarray(body["inputs"]["image"], dtype=np.float32)
        probabilities, label = self.digits.run(["probabilities", "label"], {"image": image})
        return {"outputs": {"probabilities": probabilities.tolist(), "label": label.tolist()}}


class Raw(Work):
    def decode_request(self, request: Annotated[bytes, Body(media_type="application/octet-stream")]):
        return np.frombuffer(request, dtype="<f4")

    def predict(self, data):
        (total,) = self.weigh.run(["sum"], {"data": data})
        return {"outputs": {"sum": total.tolist()}}


if __name__ == "__main__":
    api = Raw() if os.environ.get("FORM") == "raw" else Work()
    # 0 means none.
    patience = float(os.environ.get("TIMEOUT", "0")) or False
    server = ls.LitServer(
        api,
        accelerator="cpu",
        workers_per_device=1,
        timeout=patience,
        healthcheck_path="/healthz",
        restart_workers=True,
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
        access_log=False,
    )
