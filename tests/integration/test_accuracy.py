"""A trained net is as accurate by every plan: digits that it never saw, over a running daemon."""

import json

import numpy as np
import pytest
from daemon_process import wait_for

from modeld_client import DroppedFileState, VersionState, golden_sample

BATCH = 50
BF16 = {"precisions": ["bf16"], "tolerance": {"rtol": 0.05, "atol": 0.5}}


@pytest.fixture(scope="module")
def digits():
    """A net, what it never saw, and how it answers to that as it was saved."""
    import torch
    import train

    torch.set_num_threads(1)
    seen, held_out = train.load_scans()
    torch.manual_seed(0)
    net = train.fit(train.BetterNet(), seen, epochs=8, seed=2)
    with torch.inference_mode():
        logits = net(held_out.pictures).numpy()
    return net, held_out.pictures.numpy(), held_out.digits.numpy(), logits


def accuracy(logits, digits) -> float:
    return float((logits.argmax(1) == digits).mean())


def wait_ready(client) -> None:
    """Waits for the net to be live. Skips the test where the engine that it asks for was not built in."""

    def look():
        models = client.list_models()
        dropped = client.dropped_files()
        refused = [file.reason for file in dropped if file.state is DroppedFileState.QUARANTINED]
        for model in models:
            refused += [each.reason for each in model.versions if each.state is VersionState.QUARANTINED]
        if any("execution.engine" in reason and "this build" in reason for reason in refused):
            pytest.skip(refused[0])
        assert not refused
        return any(model.live_version for model in models)

    wait_for("digits to go live", look, timeout_s=60)


def wait_tuned(daemon, client) -> str:
    """Waits for the net to run by the plan that was chosen for it; its name."""

    def look():
        plans = daemon.ctl_json("plans", "digits").get("plans", [])
        (version,) = client.get_model("digits").model.versions
        chosen = next((plan["name"] for plan in plans if plan.get("chosen")), None)
        return chosen if chosen == version.plan else None

    return wait_for("digits to run by the chosen plan", look, timeout_s=60, poll_s=0.1)


@pytest.fixture
def served(daemons, digits, tmp_path):
    """Serves the net with that execution config; the plan, and its answers to what was held out."""
    import torch
    import train

    net, pictures, _, logits = digits

    def served(execution):
        config = {"name": "digits", "version": "1.0", "inputs": [train.IMAGE], "execution": execution}
        sample = golden_sample({"x": pictures[:BATCH]}, {"output": logits[:BATCH]})
        path = tmp_path / "digits.pt"
        extra = {"config.json": json.dumps(config), "golden/0": sample}
        torch.jit.save(torch.jit.script(net), str(path), _extra_files=extra)
        daemon = daemons.start("--try-plans=true")
        daemon.move_in(path)
        with daemon.client() as client:
            wait_ready(client)
            plan = wait_tuned(daemon, client)
            answers = [
                client.predict("digits", {"x": pictures[at : at + BATCH]}).output
                for at in range(0, len(pictures), BATCH)
            ]
        return plan, np.concatenate(answers)

    return served


@pytest.mark.parametrize("engine", ["auto", "libtorch", "openvino"])
def test_a_trained_net_is_as_accurate_on_each_engine(served, digits, engine):
    _, _, shown, logits = digits
    as_saved = accuracy(logits, shown)
    assert as_saved > 0.97
    plan, answers = served({"engine": engine})
    assert engine in ("auto", plan.split()[0])
    assert abs(accuracy(answers, shown) - as_saved) <= 0.001


@pytest.mark.parametrize("engine", ["auto", "libtorch", "openvino"])
def test_a_trained_net_in_bfloat16(served, digits, engine, record_property):
    _, _, shown, logits = digits
    as_saved = accuracy(logits, shown)
    plan, answers = served({"engine": engine, **BF16})
    assert engine in ("auto", plan.split()[0])
    reached = accuracy(answers, shown)
    record_property("plan", plan)
    record_property("accuracy", reached)
    print(f"{plan}: {reached:.4f} right, as saved {as_saved:.4f}")
    # Coarser numbers turn single pictures that are close calls; more would be a fault.
    assert abs(reached - as_saved) <= 0.01
