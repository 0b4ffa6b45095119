"""ONNX's own backend tests, answered by a running oneslot.

`lay-out FOLDER`: writes a model repository of every test whose inputs and outputs oneslot has types for.
`run URL`: runs the tests against the server at URL, and prints what became of them as one JSON object.

The tests, their inputs, outputs and tolerances are those of the package `onnx`; this file only translates between
its Backend interface and `POST /predict`.
"""

import hashlib
import http.client
import json
import os
import sys
import unittest
from urllib.parse import urlsplit

import numpy as np
import onnx
import onnx.backend.base
import onnx.backend.test
import onnxruntime
from onnx import TensorProto
from onnx.backend.test.loader import load_model_tests

# Tests of whole networks ("real", "light") download them, or compute what is expected by a slow reference.
KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")

DTYPES = {
    TensorProto.FLOAT: np.float32,
    TensorProto.UINT8: np.uint8,
    TensorProto.INT8: np.int8,
    TensorProto.UINT16: np.uint16,
    TensorProto.INT16: np.int16,
    TensorProto.INT32: np.int32,
    TensorProto.INT64: np.int64,
    TensorProto.STRING: object,
    TensorProto.BOOL: np.bool_,
    TensorProto.FLOAT16: np.float16,
    TensorProto.DOUBLE: np.float64,
    TensorProto.UINT32: np.uint32,
    TensorProto.UINT64: np.uint64,
}

# From here on JSON's numbers are not read back exactly by everyone: integers travel as strings.
EXACT = 2**53


def is_ours(model):
    """Whether oneslot has types for all of the model's inputs and outputs."""
    values = [*model.graph.input, *model.graph.output]
    return all(
        value.type.WhichOneof("value") == "tensor_type" and value.type.tensor_type.elem_type in DTYPES
        for value in values
    )


def digest(model):
    return hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()


def cases():
    """Name and folder of every test that brings its model along."""
    for kind in KINDS:
        for case in load_model_tests(kind=kind):
            if case.model_dir is not None:
                yield case.name, case.model_dir


def lay_out(folder):
    skipped = 0
    for name, source in cases():
        model = onnx.load(os.path.join(source, "model.onnx"))
        if not is_ours(model):
            skipped += 1
            continue
        version = os.path.join(folder, name, "1")
        os.makedirs(version)
        onnx.save(model, os.path.join(version, "model.onnx"))
        settings = settings_of(model, source)
        with open(os.path.join(folder, name, "model.json"), "w", encoding="utf-8") as file:
            json.dump(settings, file)
    print(json.dumps({"skipped": skipped}))


def settings_of(model, source):
    """The test's own inputs warm the model up: many operators do not take zeros. Empty inputs are declared."""
    arrays = inputs_of(model, os.path.join(source, "test_data_set_0"))
    names = [value.name for value in model.graph.input]
    settings = {}
    if arrays:
        with_values = {name: {"value": as_json(array)} for name, array in zip(names, arrays) if array.size > 0}
        if len(with_values) == len(arrays):
            settings["warmup"] = with_values
    free = {
        dim.dim_param
        for value, array in zip(model.graph.input, arrays)
        for dim, size in zip(value.type.tensor_type.shape.dim, array.shape)
        if size == 0 and dim.dim_param
    }
    if free:
        settings["dimensions"] = {name: {"min": 0} for name in sorted(free)}
    return settings


def inputs_of(model, data_set):
    arrays = []
    for index in range(len(model.graph.input)):
        path = os.path.join(data_set, f"input_{index}.pb")
        if not os.path.exists(path):
            break
        with open(path, "rb") as file:
            tensor = TensorProto.FromString(file.read())
        arrays.append(onnx.numpy_helper.to_array(tensor))
    return arrays


def as_json(array):
    """The array as oneslot reads it: nested lists, with what JSON lacks as strings."""
    if array.dtype.kind in "iu":
        exact = np.abs(array.astype(object)) < EXACT
        return np.where(exact, array.astype(object), array.astype(str).astype(object)).tolist()
    if array.dtype.kind == "f":
        return finite(array.astype(np.float64).tolist())
    if array.dtype.kind in "OSU":
        return texts(array.tolist())
    return array.tolist()


def finite(value):
    if isinstance(value, list):
        return [finite(item) for item in value]
    if value != value:
        return "NaN"
    if value in (np.inf, -np.inf):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def texts(value):
    if isinstance(value, list):
        return [texts(item) for item in value]
    return value.decode() if isinstance(value, bytes) else str(value)


def as_array(value, elem_type):
    """The nested lists of an answer as an array."""
    dtype = DTYPES[elem_type]
    if elem_type == TensorProto.STRING:
        return np.array(value, dtype=object)
    if np.issubdtype(dtype, np.integer):
        return np.array(as_integers(value), dtype=object).astype(dtype)
    return np.array(value, dtype=dtype)


def as_integers(value):
    return [as_integers(item) for item in value] if isinstance(value, list) else int(value)


class Served:
    """A model behind POST /predict."""

    def __init__(self, connection, name, model):
        self.connection = connection
        self.name = name
        self.model = model

    def run(self, inputs):
        names = [value.name for value in self.model.graph.input]
        body = {"inputs": {name: as_json(array) for name, array in zip(names, inputs)}}
        answer = json.loads(self.post(body, "application/json")[1])
        outputs = []
        for value in self.model.graph.output:
            array = as_array(answer["outputs"][value.name], value.type.tensor_type.elem_type)
            # JSON does not tell the sizes behind a zero.
            outputs.append(self.raw(body, value) if array.size == 0 else array)
        return outputs

    def raw(self, body, value):
        elem_type = value.type.tensor_type.elem_type
        if elem_type == TensorProto.STRING:
            raise unittest.SkipTest("no form of an answer tells the sizes of an empty tensor of strings")
        headers, data = self.post({**body, "outputs": [value.name]}, "application/octet-stream")
        shape = [int(size) for size in filter(None, headers["tensor-shape"].split(","))]
        return np.frombuffer(data, dtype=DTYPES[elem_type]).reshape(shape)

    def post(self, body, accept):
        headers = {"Content-Type": "application/json", "Accept": accept}
        self.connection.request("POST", f"/predict/{self.name}", json.dumps(body), headers)
        response = self.connection.getresponse()
        data = response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {data.decode()}")
        return response.headers, data


def backend_of(url):
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    connection.request("GET", "/models")
    loaded = {model["name"] for model in json.loads(connection.getresponse().read())["models"] if is_ready(model)}
    names = {}
    for name, source in cases():
        names.setdefault(digest(onnx.load(os.path.join(source, "model.onnx"))), name)

    class Oneslot(onnx.backend.base.Backend):
        @classmethod
        def is_compatible(cls, model, device="CPU", **kwargs):
            return is_ours(model) and names[digest(model)] in loaded

        @classmethod
        def prepare(cls, model, device="CPU", **kwargs):
            return Served(connection, names[digest(model)], model)

        @classmethod
        def supports_device(cls, device):
            return device == "CPU"

    return Oneslot, names, loaded


def is_ready(model):
    return model.get("state", "ready") == "ready"


class Reference(onnx.backend.base.Backend):
    """The same ONNX Runtime, asked directly: where it differs from ONNX itself, so may oneslot."""

    @classmethod
    def prepare(cls, model, device="CPU", **kwargs):
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return Direct(session)

    @classmethod
    def supports_device(cls, device):
        return device == "CPU"


class Direct:
    def __init__(self, session):
        self.session = session

    def run(self, inputs):
        names = [value.name for value in self.session.get_inputs()]
        return self.session.run(None, dict(zip(names, inputs)))


def tests_of(backend):
    """The backend's tests by name."""
    found = {}
    for name, case in onnx.backend.test.BackendTest(backend, __name__).test_cases.items():
        if name.startswith(("OnnxBackendNode", "OnnxBackendSimple", "OnnxBackendPyTorch")):
            for test in unittest.defaultTestLoader.loadTestsFromTestCase(case):
                found[test.id()] = test
    return found


def outcome_of(tests):
    result = unittest.TestResult()
    unittest.TestSuite(tests).run(result)
    failed = {test.id(): text.strip().splitlines()[-1] for test, text in [*result.failures, *result.errors]}
    return result.testsRun - len(result.skipped), failed


def run(url):
    backend, names, loaded = backend_of(url)
    ran, failed = outcome_of(tests_of(backend).values())
    reference = tests_of(Reference)
    _, differs = outcome_of([reference[name] for name in failed])
    wrong = [f"{name.rsplit('.', 1)[-1]}: {text}" for name, text in failed.items() if name not in differs]
    print(
        json.dumps(
            {
                "passed": ran - len(failed),
                "wrong": wrong,
                "differs": len(differs),
                "notLoaded": sorted(set(names.values()) - loaded),
            }
        )
    )


if __name__ == "__main__":
    {"lay-out": lay_out, "run": run}[sys.argv[1]](sys.argv[2])
