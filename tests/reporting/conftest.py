"""Reports of made results: of three configurations, of one, and of twenty."""

import pytest

from support.results import make_result, make_set, report

WEIGHTS_OF_DEMO = "f" * 64


@pytest.fixture(scope="session")
def three(tmp_path_factory):
    """The root of a report, and its result folders; the second ran beside another process."""
    root = tmp_path_factory.mktemp("three")
    make_set(root, 120)
    folders = [
        make_result(root, batch_size=1),
        make_result(root, batch_size=4, others=0.9, faster=1.3),
        make_result(root, precision="int8", noise=1.2),
    ]
    report(root)
    return root, folders


@pytest.fixture(scope="session")
def one(tmp_path_factory):
    root = tmp_path_factory.mktemp("one")
    make_set(root)
    make_result(root)
    report(root)
    return root


@pytest.fixture(scope="session")
def twenty(tmp_path_factory):
    """Nineteen configurations of one network, and the demo's, whose name comes before them."""
    root = tmp_path_factory.mktemp("twenty")
    make_set(root, 60)
    kinds = [(e, p) for e in ("onnxruntime", "openvino", "torch") for p in ("fp32", "bf16")]
    kinds.append(("openvino", "int8"))
    combinations = [(*kind, batch) for kind in kinds for batch in (1, 16, 64)][:19]
    for k, (engine, precision, batch) in enumerate(combinations):
        make_result(
            root, engine=engine, precision=precision, batch_size=batch, faster=1 + k / 9,
            noise=0.4 * (precision != "fp32"), others=0.9 * (k == 4), perf=k != 6,
        )  # fmt: skip
    make_result(root, checkpoint="demo_mobilefacenet", weights=WEIGHTS_OF_DEMO, noise=3)
    report(root)
    return root
