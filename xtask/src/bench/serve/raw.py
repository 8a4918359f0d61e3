"""ONNX Runtime in a loop: the limit.

Arguments: model, rows of a batch, seconds, and the execution provider where it is not the processor. Prints microseconds
a run: of CPU, and from begin to end.
"""

import sys
import time

import numpy
import onnxruntime

path, rows, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
provider = sys.argv[4] if len(sys.argv) > 4 else "CPUExecutionProvider"
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(path, options, providers=[provider])
assert session.get_providers()[0] == provider, session.get_providers()
shape = [rows, *session.get_inputs()[0].shape[1:]]
batch = {session.get_inputs()[0].name: numpy.full(shape, 0.5, numpy.float32)}
for _ in range(100):
    session.run(None, batch)
runs, start, cpu = 0, time.perf_counter(), time.process_time()
while time.perf_counter() - start < seconds:
    session.run(None, batch)
    runs += 1
print((time.process_time() - cpu) / runs * 1e6, (time.perf_counter() - start) / runs * 1e6)
