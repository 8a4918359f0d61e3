"""ONNX Runtime in a loop: the limit. Arguments: model, rows of a batch, seconds. Prints microseconds of CPU a run."""

import sys
import time

import numpy
import onnxruntime

path, rows, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
shape = [rows, *session.get_inputs()[0].shape[1:]]
batch = {session.get_inputs()[0].name: numpy.full(shape, 0.5, numpy.float32)}
for _ in range(100):
    session.run(None, batch)
runs, start, cpu = 0, time.perf_counter(), time.process_time()
while time.perf_counter() - start < seconds:
    session.run(None, batch)
    runs += 1
print((time.process_time() - cpu) / runs * 1e6)
