"""Builds the face detector: the tiny face detector of face-api.js as one ONNX graph, from picture to boxes.

    npm pack @vladmandic/face-api@1.7.15 && tar xzf vladmandic-face-api-1.7.15.tgz package/model
    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python build_face.py package/model 1/model.onnx

The network is a small YOLO: it looks at a 416x416 picture in cells of 32 pixels, and for each cell and each of five
anchor boxes says how sure it is of a face and how that face's box differs from the anchor. Resizing before it, and
the choice among overlapping boxes after it, are part of the graph.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 416  # the longer side of the picture, as the network was trained
CELL = 32
MEAN_RGB = [117.001, 114.697, 97.404]
CHANNELS = [16, 32, 64, 128, 256]  # into each depthwise convolution
ANCHORS = [  # width and height in cells
    [1.603231, 2.094468],
    [6.041143, 7.080126],
    [2.882459, 3.518061],
    [4.266906, 5.178857],
    [9.041765, 10.66308],
]
MOST_FACES = 100
LARGEST_OVERLAP = 0.4  # intersection over union above which the less sure of two boxes goes


class Graph:
    """Nodes and constants in the order in which they are added; each method returns the name of what it made."""

    def __init__(self):
        self.nodes = []
        self.initializers = []

    def constant(self, name, value):
        self.initializers.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, op, inputs, output, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def split(self, tensor, outputs, axis):
        self.nodes.append(helper.make_node("Split", [tensor], outputs, axis=axis, num_outputs=len(outputs)))


def add_weights(graph, folder):
    """The weights stay 8-bit in the file and become float32 at load: w = q * scale + min."""
    manifest = json.loads((folder / "tiny_face_detector_model-weights_manifest.json").read_text())
    raw = (folder / "tiny_face_detector_model.bin").read_bytes()
    offset = 0
    for entry in manifest[0]["weights"]:
        count = int(np.prod(entry["shape"]))
        quantized = np.frombuffer(raw[offset : offset + count], np.uint8).reshape(entry["shape"])
        offset += count
        add_weight(graph, entry, quantized)
    assert offset == len(raw), f"{len(raw)} bytes of weights, but the manifest describes {offset}"


def add_weight(graph, entry, quantized):
    name = entry["name"].replace("/", "_")
    scale = np.float32(entry["quantization"]["scale"])
    smallest = np.float32(entry["quantization"]["min"])
    if name.endswith("bias"):
        graph.constant(name, (quantized * scale + smallest).astype(np.float32))
        return
    # TensorFlow has height, width, in, out (or multiplier); ONNX has out, in, height, width.
    order = (2, 3, 0, 1) if "depthwise" in name else (3, 2, 0, 1)
    graph.constant(f"{name}_q", np.ascontiguousarray(quantized.transpose(order)))
    graph.constant(f"{name}_s", scale)
    graph.constant(f"{name}_m", smallest)
    graph.node("Cast", [f"{name}_q"], f"{name}_f", to=TensorProto.FLOAT)
    graph.node("Mul", [f"{name}_f", f"{name}_s"], f"{name}_x")
    graph.node("Add", [f"{name}_x", f"{name}_m"], name)


def add_preprocessing(graph):
    """uint8 [height, width, 3] to float32 [1, 3, rows, columns], the longer side 416, less the mean, over 255."""
    graph.node("Cast", ["image"], "i0", to=TensorProto.FLOAT)
    graph.node("Transpose", ["i0"], "i1", perm=[2, 0, 1])
    graph.node("Unsqueeze", ["i1", graph.constant("ax0", np.array([0]))], "i2")
    graph.node(
        "Resize",
        ["i2", "", "", graph.constant("side", np.array([SIDE, SIDE]))],
        "i3",
        mode="linear",
        coordinate_transformation_mode="half_pixel",
        keep_aspect_ratio_policy="not_larger",
        axes=[2, 3],
        antialias=1,
    )
    mean = np.array(MEAN_RGB, np.float32).reshape(1, 3, 1, 1)
    graph.node("Sub", ["i3", graph.constant("mean", mean)], "i4")
    return graph.node("Div", ["i4", graph.constant("c255", np.float32(255))], "i5")


def add_network(graph, x):
    """The convolutions; gives `feat` [1, 25, rows, columns]: five numbers for each of five anchors in each cell."""
    x = add_activation(graph, graph.node("Conv", [x, "conv0_filters", "conv0_bias"], "a0"), 0)
    for layer, channels in enumerate(CHANNELS, start=1):
        x = add_pooling(graph, x, f"p{layer}", stride=2)
        x = add_separable_convolution(graph, x, layer, channels)
    x = add_pooling(graph, x, "p6", stride=1)
    return graph.node("Conv", [x, "conv8_filters", "conv8_bias"], "feat")


def add_pooling(graph, x, name, stride):
    return graph.node("MaxPool", [x], name, kernel_shape=[2, 2], strides=[stride, stride], auto_pad="SAME_UPPER")


def add_separable_convolution(graph, x, layer, channels):
    depthwise = graph.node(
        "Conv", [x, f"conv{layer}_depthwise_filter"], f"d{layer}", group=channels, pads=[1, 1, 1, 1]
    )
    pointwise = [depthwise, f"conv{layer}_pointwise_filter", f"conv{layer}_bias"]
    return add_activation(graph, graph.node("Conv", pointwise, f"a{layer}"), layer)


def add_activation(graph, x, layer):
    return graph.node("LeakyRelu", [x], f"r{layer}", alpha=0.1)


def add_box_parts(graph, features):
    """Splits the network's answer into tx, ty, tw, th (the box) and to (the face), each [5, 1, rows, columns]."""
    graph.node("Shape", [features], "fs")
    graph.split("fs", ["fs0", "fs1", "R1", "C1"], axis=0)
    graph.node("Concat", [graph.constant("anum", np.array([5, 5])), "R1", "C1"], "fsh", axis=0)
    graph.node("Reshape", [features, "fsh"], "f")
    graph.split("f", ["tx", "ty", "tw", "th", "to"], axis=1)


def add_centres(graph):
    """cx and cy, in pixels of the resized picture: (sigmoid(t) + the cell's number) * 32."""
    graph.constant("z", np.int64(0))
    graph.constant("o", np.int64(1))
    graph.constant("st", np.float32(CELL))
    for axis, cells, shape in (("x", "C1", [1, 1, 1, -1]), ("y", "R1", [1, 1, -1, 1])):
        count = graph.node("Squeeze", [cells], f"{cells}s")
        graph.node("Range", ["z", count, "o"], f"g{axis}")
        graph.node("Cast", [f"g{axis}"], f"gf{axis}", to=TensorProto.FLOAT)
        graph.node("Reshape", [f"gf{axis}", graph.constant(f"gs{axis}", np.array(shape))], f"grid{axis}")
        graph.node("Sigmoid", [f"t{axis}"], f"s{axis}")
        graph.node("Add", [f"s{axis}", f"grid{axis}"], f"cc{axis}")
        graph.node("Mul", [f"cc{axis}", "st"], f"c{axis}")


def add_half_extents(graph):
    """hx and hy: half the anchor's width and height in pixels, times exp(t)."""
    anchors = np.array(ANCHORS, np.float32)
    for axis, size, column in (("x", "tw", 0), ("y", "th", 1)):
        half_anchor = (anchors[:, column] * (CELL // 2)).reshape(5, 1, 1, 1)
        graph.node("Exp", [size], f"e{axis}")
        graph.node("Mul", [f"e{axis}", graph.constant(f"an{axis}", half_anchor)], f"h{axis}")


def add_scale_back(graph):
    """kx and ky: pixels of the picture as it came for one of the resized picture."""
    picture = ("image", "ims", "imf", ["oh", "ow", "och"])
    resized = ("i3", "rs", "rf", ["b1", "b3", "rh", "rw"])
    for tensor, shape, as_float, sizes in (picture, resized):
        graph.node("Shape", [tensor], shape)
        graph.node("Cast", [shape], as_float, to=TensorProto.FLOAT)
        graph.split(as_float, sizes, axis=0)
    graph.node("Div", ["ow", "rw"], "kx")
    graph.node("Div", ["oh", "rh"], "ky")


def add_corners(graph):
    """x1, y1, x2, y2 in pixels of the picture as it came, each [boxes, 1]."""
    column = graph.constant("flat", np.array([-1, 1]))
    for axis in "xy":
        for op, corner in (("Sub", "1"), ("Add", "2")):
            resized = graph.node(op, [f"c{axis}", f"h{axis}"], f"{axis}{corner}r")
            scaled = graph.node("Mul", [resized, f"k{axis}"], f"{axis}{corner}p")
            graph.node("Reshape", [scaled, column], f"{axis}{corner}")


def add_choice(graph):
    """Keeps, among boxes that overlap, the one with the best score, and none below the threshold."""
    graph.node("Concat", ["x1", "y1", "x2", "y2"], "all", axis=1)
    graph.node("Concat", ["y1", "x1", "y2", "x2"], "nb", axis=1)  # the order that NonMaxSuppression wants
    graph.node("Unsqueeze", ["nb", "ax0"], "nmsb")
    graph.node("Sigmoid", ["to"], "sc")
    graph.node("Reshape", ["sc", graph.constant("f3", np.array([1, 1, -1]))], "nmss")
    most = graph.constant("maxn", np.array([MOST_FACES]))
    overlap = graph.constant("iou", np.array([LARGEST_OVERLAP], np.float32))
    graph.node("NonMaxSuppression", ["nmsb", "nmss", most, overlap, "threshold"], "sel")
    graph.node("Gather", ["sel", graph.constant("two", np.int64(2))], "idx", axis=1)
    graph.node("Gather", ["all", "idx"], "boxes", axis=0)
    graph.node("Reshape", ["sc", graph.constant("f1", np.array([-1]))], "scf")
    graph.node("Gather", ["scf", "idx"], "scores", axis=0)


def build(folder):
    graph = Graph()
    add_weights(graph, folder)
    features = add_network(graph, add_preprocessing(graph))
    add_box_parts(graph, features)
    add_centres(graph)
    add_half_extents(graph)
    add_scale_back(graph)
    add_corners(graph)
    add_choice(graph)
    return model_of(graph)


def model_of(graph):
    inputs = [
        helper.make_tensor_value_info("image", TensorProto.UINT8, ["height", "width", 3]),
        helper.make_tensor_value_info("threshold", TensorProto.FLOAT, [1]),
    ]
    outputs = [
        helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["faces", 4]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["faces"]),
    ]
    content = helper.make_graph(graph.nodes, "tiny_face_detector", inputs, outputs, graph.initializers)
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(content, opset_imports=opsets, ir_version=8, producer_name="build_face.py")
    model.doc_string = "Tiny face detector (face-api.js, MIT). Detects faces only; recognises nobody."
    onnx.checker.check_model(model)
    return model


def main(folder, target):
    onnx.save(build(Path(folder)), target)


if __name__ == "__main__":
    main(*sys.argv[1:])
