"""Writes the models of the bench into the folder that the first argument names. The weights come from a seed."""

import sys

import numpy
from onnx import TensorProto, helper, numpy_helper, save

random = numpy.random.default_rng(1)
folder = sys.argv[1]


def weights(name, *shape):
    scale = 1 / numpy.sqrt(shape[0])
    return numpy_helper.from_array((random.standard_normal(shape) * scale).astype(numpy.float32), name)


def write(name, nodes, initializers, inputs, outputs):
    ports = lambda ports: [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", *dims]) for n, dims in ports]
    graph = helper.make_graph(nodes, name, ports(inputs), ports(outputs), initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    save(model, f"{folder}/{name}.onnx")


node = helper.make_node
write(
    "iris",
    [node("Gemm", ["X", "W", "B"], ["S"]), node("Softmax", ["S"], ["Y"], axis=1)],
    [weights("W", 4, 3), weights("B", 3)],
    [("X", [4])],
    [("Y", [3])],
)
write(
    "mlp",
    [
        node("Gemm", ["X", "W1", "B1"], ["H1"]),
        node("Relu", ["H1"], ["R1"]),
        node("Gemm", ["R1", "W2", "B2"], ["H2"]),
        node("Relu", ["H2"], ["R2"]),
        node("Gemm", ["R2", "W3", "B3"], ["Y"]),
    ],
    [weights("W1", 128, 256), weights("B1", 256), weights("W2", 256, 256), weights("B2", 256), weights("W3", 256, 10), weights("B3", 10)],
    [("X", [128])],
    [("Y", [10])],
)
write(
    "conv",
    [
        node("Conv", ["X", "K1"], ["C1"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]),
        node("Relu", ["C1"], ["R1"]),
        node("Conv", ["R1", "K2"], ["C2"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]),
        node("Relu", ["C2"], ["R2"]),
        node("GlobalAveragePool", ["R2"], ["P"]),
        node("Flatten", ["P"], ["F"]),
        node("Gemm", ["F", "W", "B"], ["Y"]),
    ],
    [weights("K1", 16, 3, 3, 3), weights("K2", 32, 16, 3, 3), weights("W", 32, 10), weights("B", 10)],
    [("X", [3, 32, 32])],
    [("Y", [10])],
)
