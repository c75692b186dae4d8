"""ONNX Runtime: the same network, written as an ONNX graph by hand."""

from __future__ import annotations

import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.task import Task
from benchmarks.workloads import Array

_ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid"}


class Prediction:
    """A session that runs one operator after another."""

    def __init__(self, task: Task) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = task.threads
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        self.session = onnxruntime.InferenceSession(
            _model(task), options, providers=["CPUExecutionProvider"]
        )

    def native(self, X: Array) -> dict[str, Array]:
        """The rows as the session takes them."""
        return {"x0": X}

    def predict(self, rows: dict[str, Array]) -> Array:
        """Outputs of the network."""
        return self.session.run(None, rows)[0]


def _model(task: Task) -> bytes:
    """One Gemm and one activation a layer."""
    nodes, constants = [], []
    name = "x0"
    for k, ((weight, bias), activation) in enumerate(
        zip(task.layers, task.workload.activations, strict=True)
    ):
        inputs = [name, f"weight{k}"]
        constants.append(numpy_helper.from_array(weight, f"weight{k}"))
        if bias is not None:
            inputs.append(f"bias{k}")
            constants.append(numpy_helper.from_array(bias, f"bias{k}"))
        name = f"z{k + 1}"
        nodes.append(helper.make_node("Gemm", inputs, [name], transB=1))
        if activation != "identity":
            nodes.append(helper.make_node(_ACTIVATIONS[activation], [name], [f"x{k + 1}"]))
            name = f"x{k + 1}"
    sizes = task.workload.sizes
    graph = helper.make_graph(
        nodes,
        task.workload.name,
        [helper.make_tensor_value_info("x0", TensorProto.FLOAT, ["rows", sizes[0]])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", sizes[-1]])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8  # what opset 17 came with; newer runtimes than the exporter read it
    return model.SerializeToString()
