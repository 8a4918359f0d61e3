"""The server that most people write: FastAPI, a model of pydantic, and ONNX Runtime."""

import os

import numpy
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
app = FastAPI()


class Rows(BaseModel):
    instances: list


@app.get("/ready")
def ready():
    return {"status": "ready"}


@app.post("/predict")
async def predict(rows: Rows):
    scores = session.run(None, {name: numpy.asarray(rows.instances, numpy.float32)})[0]
    best = scores.argmax(axis=1)
    return {
        "predictions": [
            {"prediction": int(b), "confidence": float(s[b]), "probabilities": s.tolist()}
            for b, s in zip(best, scores)
        ]
    }
