"""Trains the example: a logistic regression on the Iris data that ships inside scikit-learn.

Reads nothing but the installed packages. Writes `model/iris.onnx` (what is served) and `metrics.json`
(what `iris.yaml` declares) beside this file. Running it again, with the versions of `requirements.txt`,
writes the same bytes: the split has a fixed seed, the solver no randomness, the export a fixed graph name.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt && venv/bin/python train.py
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime
from onnx.checker import check_model
from onnx.helper import make_opsetid
from scipy.stats import ks_2samp
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_score, recall_score
from sklearn.model_selection import train_test_split

HERE = Path(__file__).resolve().parent
SEED = 1
TEST_SHARE = 0.2
# Opsets that ONNX Runtime 1.24 and later read; pinned so that a newer exporter writes the same operators.
OPSETS = {"": 18, "ai.onnx.ml": 3}
# Below this p-value of the two-sample Kolmogorov-Smirnov test a column counts as drifted. It is the default
# test for a numerical column with more than five values and a reference of at most 1,000 rows.
DRIFT_P = 0.05
DIGITS = 4


def group_gaps(truth, predicted):
    """Recall gap and false positive gap between the classes: the greatest value less the least, of each.

    Iris has no protected attribute. These are proxies, measured between classes where a fairness figure is
    measured between groups of people: they tell whether one class is served worse than another.
    """
    counts = confusion_matrix(truth, predicted).astype(float)
    hits = np.diag(counts)
    recall = hits / counts.sum(axis=1)
    false_alarms = counts.sum(axis=0) - hits
    false_positive = false_alarms / (counts.sum() - counts.sum(axis=1))
    return np.ptp(recall), np.ptp(false_positive)


def drifted_share(reference, current):
    """Share of the columns whose values in `current` differ from those in `reference`, both `[rows, columns]`."""
    p_values = [ks_2samp(a, b).pvalue for a, b in zip(reference.T, current.T)]
    return float(np.mean([p <= DRIFT_P for p in p_values]))


def measure(truth, predicted, reference, current):
    """The figures of the manifest, rounded to `DIGITS`."""
    recall_gap, false_positive_gap = group_gaps(truth, predicted)
    figures = {
        "metrics": {
            "accuracy": accuracy_score(truth, predicted),
            "f1_score": f1_score(truth, predicted, average="macro"),
            "precision": precision_score(truth, predicted, average="macro"),
            "recall": recall_score(truth, predicted, average="macro"),
        },
        "fairness": {
            "demographic_parity": recall_gap,
            "equalized_odds": max(recall_gap, false_positive_gap),
        },
        "drift": {"score": drifted_share(reference, current)},
    }
    return {
        section: {name: round(float(value), DIGITS) for name, value in values.items()}
        for section, values in figures.items()
    }


def export(model, row):
    """The model as ONNX bytes: input `X` of `[rows, 4]` float32, outputs `label` of `[rows]` int64 and
    `probabilities` of `[rows, 3]` float32 (a plain tensor, not a list of maps)."""
    graph = to_onnx(model, row, name="iris", target_opset=OPSETS, options={id(model): {"zipmap": False}})
    # The exporter lists a domain once per operator that needs it; a model names each domain once.
    opsets = {entry.domain: entry.version for entry in graph.opset_import}
    del graph.opset_import[:]
    graph.opset_import.extend(make_opsetid(domain, opsets[domain]) for domain in sorted(opsets))
    check_model(graph, full_check=True)
    return graph.SerializeToString(deterministic=True)


def main():
    features, labels = load_iris(return_X_y=True)
    # What is served takes 32-bit numbers, so what is measured does too.
    features = features.astype(np.float32)
    train_x, test_x, train_y, test_y = train_test_split(
        features, labels, test_size=TEST_SHARE, random_state=SEED
    )
    model = LogisticRegression(max_iter=1000).fit(train_x, train_y)

    exported = export(model, train_x[:1])
    # The figures are those of the exported model, not of the one in memory: it is what will be served.
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    (predicted,) = session.run(["label"], {"X": test_x})
    assert (predicted == model.predict(test_x)).all(), "the export must predict what the model predicts"

    figures = measure(test_y, predicted, train_x, test_x)
    figures["rows"] = {"training": len(train_x), "test": len(test_x)}
    figures["sha256"] = hashlib.sha256(exported).hexdigest()

    (HERE / "model").mkdir(exist_ok=True)
    (HERE / "model" / "iris.onnx").write_bytes(exported)
    text = json.dumps(figures, indent=2) + "\n"
    (HERE / "metrics.json").write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
