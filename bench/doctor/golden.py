"""One golden case replayed: how far this hardware is from what the original code computed."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from bench.doctor.finding import Finding
from bench.engine.precision import Name, resolve_precision
from methods.parity.golden_case import Golden, load_goldens
from methods.parity.run import TOLERANCES
from methods.parity.subject import subject_of

AREA = "golden case"
CASE = "vificlip"
ADAPTER = "vifi-clip"
_ROUGH = 0.02
"""Share of the scores' range by which reduced precision may be off before it is a warning."""


def replay() -> Iterator[Finding]:
    """Scores of the case on every device, in every number format that runs there."""
    golden = next(golden for golden in load_goldens() if golden.name == CASE)
    for device in _devices():
        precisions: tuple[Name, ...] = ("fp32", "amp-bf16")
        if device.type == "cuda":
            precisions = ("fp32", "amp-fp16", "amp-bf16")
        for name in precisions:
            yield _compare(golden, device, name)


def _devices() -> list[torch.device]:
    found = [torch.device("cpu")]
    if torch.cuda.is_available():
        found += [torch.device("cuda", number) for number in range(torch.cuda.device_count())]
    return found


def _compare(golden: Golden, device: torch.device, name: Name) -> Finding:
    subject = subject_of(ADAPTER, golden, "")
    method, _ = subject.build()
    method = method.to(device)
    with torch.no_grad(), resolve_precision(name, device).autocast():
        scores = method(golden.video().to(device)).float().cpu()
    wanted = golden.outputs["out.logits"]
    drift = float((scores - wanted).abs().max())
    spread = float(wanted.max() - wanted.min())
    same = bool((scores.argmax(dim=-1) == wanted.argmax(dim=-1)).all())
    what = f"{device}, {name}"
    detail = f"largest difference of a score {drift:.1e} of a range of {spread:.2g}"
    allowed = TOLERANCES["scores"] if name == "fp32" else _ROUGH * spread
    if drift <= allowed and same:
        return Finding(AREA, what, "ok", detail)
    detail += f", allowed {allowed:.1e}" + ("" if same else "; another class is best")
    mend = "bench parity shows which adapters are off; try another build of PyTorch"
    exact = name == "fp32"
    return Finding(AREA, what, "broken" if exact or drift != drift else "warning", detail, mend)
