"""Trains the digit classifier and exports it to ONNX.

    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python train.py OUT_FOLDER

Data: the 1,797 handwritten 8x8 digits that scikit-learn bundles (UCI optdigits, CC BY 4.0, Alpaydin & Kaynak 1998).
Writes model.onnx and samples.json, prints the accuracy on the quarter of the data that was held out. Takes about ten
seconds on two cores. One machine gives the same file every time; processors with other vector instructions round
differently while training, and so end at other weights of the same quality.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

SEED = 7
EPOCHS = 120
BATCH = 64
LARGEST_INK = 16.0


class DigitClassifier(nn.Module):
    """Two convolutions, each halved by pooling (8x8, 4x4, 2x2), then two fully connected layers."""

    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 16, 3, padding=1)
        self.c2 = nn.Conv2d(16, 32, 3, padding=1)
        self.f1 = nn.Linear(32 * 2 * 2, 64)
        self.f2 = nn.Linear(64, 10)
        self.d = nn.Dropout(0.3)

    def logits(self, image):
        x = (image / LARGEST_INK).unsqueeze(1)
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        x = F.relu(self.f1(x.flatten(1)))
        return self.f2(self.d(x))

    def forward(self, image):
        """image: float32 [batch, 8, 8], ink from 0 (paper) to 16."""
        probabilities = F.softmax(self.logits(image), dim=1)
        return probabilities, probabilities.argmax(dim=1)


class Data:
    """The digits, and which of them are for training and which are held out."""

    def __init__(self):
        digits = load_digits()
        self.images = digits.images.astype("float32")
        self.labels = digits.target.astype("int64")
        self.training, self.held_out = train_test_split(
            np.arange(len(self.labels)), test_size=0.25, stratify=self.labels, random_state=SEED
        )


def make_deterministic():
    torch.manual_seed(SEED)
    np.random.seed(SEED)
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)


def train(network, data):
    images = torch.tensor(data.images[data.training])
    labels = torch.tensor(data.labels[data.training])
    steps_an_epoch = -(-len(labels) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=EPOCHS * steps_an_epoch)
    network.train()
    for _ in range(EPOCHS):
        order = torch.randperm(len(labels))
        for start in range(0, len(labels), BATCH):
            chosen = order[start : start + BATCH]
            optimizer.zero_grad()
            logits = network.logits(augmented(images[chosen]))
            F.cross_entropy(logits, labels[chosen], label_smoothing=0.02).backward()
            optimizer.step()
            schedule.step()
    network.eval()


def augmented(images):
    """The same digits, each a little turned, scaled and moved."""
    count = len(images)
    angle = uniform(count) * 0.20
    scale = 1 + uniform(count) * 0.10
    shift = uniform(count, 2) * 0.18
    transform = torch.zeros(count, 2, 3)
    transform[:, 0, 0] = torch.cos(angle) * scale
    transform[:, 0, 1] = -torch.sin(angle)
    transform[:, 1, 0] = torch.sin(angle)
    transform[:, 1, 1] = torch.cos(angle) * scale
    transform[:, :, 2] = shift
    grid = F.affine_grid(transform, (count, 1, 8, 8), align_corners=False)
    moved = F.grid_sample(images.unsqueeze(1), grid, align_corners=False, padding_mode="zeros")
    return moved.squeeze(1)


def uniform(*shape):
    """Random numbers from -1 to 1."""
    return torch.rand(*shape) * 2 - 1


def export(network, data, path):
    torch.onnx.export(
        network,
        (torch.tensor(data.images[:2]),),
        path,
        input_names=["image"],
        output_names=["probabilities", "label"],
        dynamic_shapes={"image": {0: torch.export.Dim("batch")}},
        dynamo=True,
        external_data=False,
        opset_version=18,
    )
    model = onnx.load(path)
    strip(model)
    describe(model)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def strip(model):
    """Takes out what the exporter notes of its own source files: half of the file's size, of no use at run time."""
    graph = model.graph
    for node in graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*graph.input, *graph.output, *graph.initializer]:
        del value.metadata_props[:]
    del graph.value_info[:]
    del graph.metadata_props[:]
    del model.metadata_props[:]


def describe(model):
    model.graph.name = "digits_cnn"
    model.ir_version = 8
    model.doc_string = (
        "Handwritten digit classifier. Trained on UCI optdigits as bundled with scikit-learn "
        "(CC BY 4.0, Alpaydin & Kaynak 1998). image: 8x8 ink 0..16."
    )
    properties = {
        "task": "image-classification",
        "dataset": "UCI optdigits (scikit-learn load_digits)",
        "labels": ",".join(map(str, range(10))),
    }
    for key, value in properties.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value


def predicted_labels(path, images):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["label"], {"image": images})[0]


def first_right_one_of_each_class(data, right):
    for label in range(10):
        index = next(int(i) for i in data.held_out if data.labels[i] == label and i in right)
        image = data.images[index].astype(int).tolist()
        yield {"label": label, "sklearn_index": index, "image": image}


def write_samples(samples, path):
    lines = ",\n".join(json.dumps(sample) for sample in samples)
    path.write_text(f"[\n{lines}\n]\n")


def main(folder):
    make_deterministic()
    data = Data()
    network = DigitClassifier()
    train(network, data)

    model_path = folder / "model.onnx"
    export(network, data, str(model_path))
    predicted = predicted_labels(str(model_path), data.images[data.held_out])
    is_right = predicted == data.labels[data.held_out]
    right = {int(index) for index in data.held_out[is_right]}
    write_samples(first_right_one_of_each_class(data, right), folder / "samples.json")

    print(f"{is_right.sum()} of {len(is_right)} held-out digits right")
    print(f"sha256 {hashlib.sha256(model_path.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
