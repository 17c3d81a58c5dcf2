"""What an adapter must do whatever it computes: results, classes, frames, reuse.

Each check takes a ``Subject``, returns what it measured, and raises ``Failed`` with a reason.
"""

from __future__ import annotations

import torch

import settings
from bench.conformance.subject import (
    CLASSES,
    FEW_CLASSES,
    OTHER_CLASSES,
    TOLERANCE,
    Failed,
    Skipped,
    Subject,
    first_line,
    gap,
    require_equal,
    shape,
    some,
)
from bench.data.pipelines import EXTENSIONS as PIPELINES
from bench.engine import checkpoint
from bench.engine.precision import Precision
from bench.engine.training.text_once import TextOfUpdate
from bench.ground.errors import BenchError
from methods.base import Method, Origin

FRAME_COUNTS = (1, 2, 3, 8, 100)
_BF16_TOLERANCE = 0.2
"""bfloat16 keeps 8 bits: a wrong cast is far off, rounding is not."""


def facts(subject: Subject) -> str:
    """What it says of itself."""
    cls = subject.cls
    if not (cls.title and isinstance(cls.origin, Origin) and cls.origin.citation):
        raise Failed("title and origin (with a citation) must be given: the tables print them")
    if "origin" not in vars(cls):
        raise Failed("origin is that of the class it derives from; say where this method is from")
    pipeline = cls.preprocessing.pipeline
    if pipeline not in PIPELINES.names():
        raise Failed(f"preprocessing names the pipeline '{pipeline}', which does not exist")
    if min(cls.preprocessing.std) <= 0:
        raise Failed(f"preprocessing.std must be positive, got {cls.preprocessing.std}")
    for setting in settings.names():
        reason = cls.supports(setting, "hmdb51")
        if reason is not None and not isinstance(reason, str):
            raise Failed(f"supports('{setting}', ...) gave {reason!r}; None or a reason is allowed")
    method = subject.build()
    if method.trains != bool(method.trainable_names()):
        raise Failed(
            f"trains = {method.trains}, but {len(method.trainable_names())} parameters can be"
        )
    if not method.prompts or not all(isinstance(text, str) for text in method.prompts):
        raise Failed("prompts is empty; set_classes must put there what the tokenizer is given")
    return f"{cls.title}; {len(method.trainable_names())} trainable parameters"


def shapes(subject: Subject) -> str:
    """Scores [B,C] for one clip and several, a scalar loss, the numbers of a text."""
    method = subject.build()
    for batch in (1, subject.batch):
        scores = subject.scores(method, subject.video(batch))
        wanted = [batch, len(CLASSES)]
        if list(scores.shape) != wanted:
            raise Failed(f"scores of {batch} clips and {len(CLASSES)} classes are {shape(scores)}")
        if not scores.is_floating_point():
            raise Failed(f"scores are {scores.dtype}, not floating point")
    if not isinstance(method.encode_text(), torch.Tensor):
        raise Failed("encode_text() must give one tensor: the engine keeps and passes it")
    if method.trains:
        loss = subject.loss(method)
        if loss.ndim:
            raise Failed(f"the loss is {shape(loss)}, not a scalar: take its mean")
        if not loss.requires_grad:
            raise Failed("the loss has no gradient: something in it was detached or under no_grad")
    for what, values in (("clips", scores), ("classes", scores.T)):
        if gap(values[1:], values[:-1]) < TOLERANCE:
            raise Failed(f"different {what} get the same scores")
    return f"scores {shape(scores)}"


def finite(subject: Subject) -> str:
    """No infinity and no NaN, also for black and for white clips."""
    method = subject.trained()
    noise = subject.video()
    for what, video in (
        ("noise", noise),
        ("black clips", torch.full_like(noise, -2.1)),
        ("white clips", torch.full_like(noise, 2.6)),
        ("clips of the mean colour", torch.zeros_like(noise)),
    ):
        if not bool(subject.scores(method, video).isfinite().all()):
            raise Failed(f"the scores of {what} are not finite")
    if method.trains and not bool(subject.loss(method).isfinite()):
        raise Failed("the loss is not finite")
    return "scores and loss"


def class_lists(subject: Subject) -> str:
    """``set_classes`` gives what a new model with the same weights and those classes gives."""
    swapped, path = subject.saved()
    before = subject.scores(swapped)
    worst = 0.0
    for names in (OTHER_CLASSES, FEW_CLASSES):
        swapped.set_classes(names)
        fresh = subject.build(names)
        checkpoint.load_weights(fresh, path)
        wanted, got = subject.scores(fresh), subject.scores(swapped)
        if list(got.shape) != [subject.batch, len(names)]:
            raise Failed(f"after set_classes with {len(names)} names the scores are {shape(got)}")
        if (swapped.class_names, swapped.prompts) != (fresh.class_names, fresh.prompts):
            raise Failed("set_classes must set class_names and prompts")
        worst = max(worst, require_equal(got, wanted, "set_classes and a new model"))
    swapped.set_classes(CLASSES)
    require_equal(subject.scores(swapped), before, "another class list and back")
    return f"largest difference {worst:.1g}"


def batches(subject: Subject) -> str:
    """A clip's scores do not depend on the clips beside it."""
    method, video = subject.trained(), subject.video()
    together = subject.scores(method, video)
    alone = torch.cat([subject.scores(method, clip[None]) for clip in video])
    worst = require_equal(alone, together, "clips alone and in a batch")
    turned = subject.scores(method, video.flip(0)).flip(0)
    require_equal(turned, together, "the batch in another order")
    return f"largest difference {worst:.1g}"


def frames(subject: Subject) -> str:
    """Every number of frames works, or is refused with a clear error."""
    refused = []
    for count in FRAME_COUNTS:
        try:
            scores = subject.scores(
                subject.build(num_frames=count), subject.video(1, num_frames=count)
            )
        except BenchError:
            refused.append(str(count))
            continue
        except Exception as error:
            raise Failed(
                f"num_frames = {count} ends in {first_line(error)}; raise a UsageError that says "
                "which numbers are allowed"
            ) from error
        if not bool(scores.isfinite().all()):
            raise Failed(f"num_frames = {count} gives scores that are not finite")
    if len(refused) == len(FRAME_COUNTS):
        raise Failed(f"every number of frames is refused ({', '.join(refused)})")
    return _other_count(subject) + (f"; refused: {', '.join(refused)} frames" if refused else "")


def _other_count(subject: Subject) -> str:
    """What becomes of a video with another number of frames than ``num_frames``."""
    method = subject.build()
    for count in (subject.num_frames - 1, subject.num_frames + 1):
        try:
            scores = subject.scores(method, subject.video(num_frames=count))
        except BenchError:
            return "videos of another length are refused"
        except Exception as error:
            raise Failed(
                f"a model of {subject.num_frames} frames that is given {count} ends in "
                f"{first_line(error)}; raise a UsageError, or score them"
            ) from error
        if list(scores.shape) != [subject.batch, len(CLASSES)]:
            raise Failed(f"{count} instead of {subject.num_frames} frames give {shape(scores)}")
    return "videos of another length are scored"


def autocast(subject: Subject) -> str:
    """Forward and backward work in mixed precision and stay near fp32."""
    method = subject.trained()
    precision = Precision("amp-bf16", "amp-bf16", torch.device("cpu"))
    exact = subject.scores(method)
    with precision.autocast():
        rounded = subject.scores(method)
    if not bool(rounded.isfinite().all()):
        raise Failed("the scores are not finite under autocast")
    far = gap(rounded, exact)
    if far > _BF16_TOLERANCE:
        raise Failed(f"the scores under bfloat16 autocast differ by {far:.2g} from fp32")
    if method.trains:
        text = TextOfUpdate(method, precision, enabled=not method.loss_spans_update, seed=0)
        with precision.autocast():
            loss = subject.loss(method, text=text.features)
        loss.backward()
        text.backward()
        bad = [
            name
            for name, parameter in method.named_parameters()
            if parameter.grad is not None and not bool(parameter.grad.isfinite().all())
        ]
        if bad:
            raise Failed(f"gradients are not finite under autocast: {some(bad)}")
    return f"bfloat16 differs by {far:.1g}"


def determinism(subject: Subject) -> str:
    """One seed, one result; ``eval()`` means eval."""
    first, second = subject.trained(), subject.trained()
    for name, value in first.state_dict().items():
        if not torch.equal(value, second.state_dict()[name]):
            raise Failed(f"two models built with one seed differ in {name}")
    once, twice = subject.scores(first), subject.scores(first)
    if not torch.equal(once, twice):
        raise Failed("the same clips give other scores the second time, in eval mode")
    if first.trains and not torch.equal(subject.loss(first), subject.loss(second)):
        raise Failed("the loss differs between two models with one seed")
    first.eval()
    subject.scores(first)
    awake = [name for name, module in first.named_modules() if module.training]
    if awake:
        raise Failed(f"a forward pass in eval mode put modules into training mode: {some(awake)}")
    return "weights, scores and loss"


def text_reuse(subject: Subject) -> str:
    """Text encoded once gives the scores, the loss and the gradients of text encoded each time."""
    method = subject.trained()
    with torch.no_grad():
        reused = method(subject.video(), method.encode_text())
    worst = require_equal(reused, subject.scores(method), "scores with encode_text() reused")
    if not method.trains or method.loss_spans_update:
        return f"scores differ by {worst:.1g}"
    loss = subject.loss(method)
    loss.backward()
    direct = _gradients(method)
    method.zero_grad(set_to_none=True)
    precision = Precision("fp32", "fp32", torch.device("cpu"))
    text = TextOfUpdate(method, precision, enabled=True, seed=0)
    shared = subject.loss(method, text=text.features)
    require_equal(shared, loss, "loss with encode_text() reused")
    shared.backward()
    text.backward()
    once = _gradients(method)
    largest = max(float(value.abs().max()) for value in direct.values())
    for name in sorted(direct.keys() | once.keys()):
        if name not in direct or name not in once:
            raise Failed(f"{name} has a gradient only with or only without the reuse of the text")
        far = float((once[name] - direct[name]).abs().max()) / largest
        if far > TOLERANCE:
            raise Failed(f"the gradient of {name} differs by {far:.2g} with encode_text() reused")
    return f"scores differ by {worst:.1g}, {len(once)} gradients are equal"


def _gradients(method: Method) -> dict[str, torch.Tensor]:
    return {
        name: parameter.grad.clone()
        for name, parameter in method.named_parameters()
        if parameter.grad is not None
    }


def targets(subject: Subject) -> str:
    """Class ids and soft targets mean the same; a loss that takes ids only says so."""
    method = subject.trained()
    if not method.trains:
        raise Skipped("not trained")
    ids = subject.targets()
    by_ids = subject.loss(method, ids)
    soft = torch.nn.functional.one_hot(ids, len(CLASSES)).float()
    if method.loss_spans_update:
        try:
            subject.loss(method, soft)
        except BenchError:
            return "class ids; soft targets are refused"
        raise Failed("loss_spans_update is for class ids: refuse soft targets with a UsageError")
    require_equal(subject.loss(method, soft), by_ids, "loss of class ids and of one-hot targets")
    mixed = 0.7 * soft + 0.3 * soft.flip(0)
    if not bool(subject.loss(method, mixed).isfinite()):
        raise Failed("the loss of mixed targets is not finite")
    return "class ids and soft targets"


def frozen_tower(subject: Subject) -> str:
    """``frozen_image_tower``: training leaves ``encode_frames`` as it is; caches rely on it."""
    method = subject.build()
    if not method.frozen_image_tower:
        raise Skipped("its image tower is trained")
    if type(method).forward is not Method.forward:
        return "forward() is its own: features are not shared"
    before = method.encode_frames(subject.video())
    if before.requires_grad:
        raise Failed("frozen_image_tower is said, but encode_frames depends on trained parameters")
    after = subject.trained().encode_frames(subject.video())
    require_equal(after, before, "encode_frames before and after training", 0.0)
    if not method.trains_on_features:
        return "features may be shared"
    alone = [method.encode_frames(frame[:, None]) for frame in subject.video().unbind(1)]
    require_equal(torch.cat(alone, dim=1), before, "encode_frames of single frames and of clips")
    by_features = method.features_loss(before, subject.targets())
    require_equal(by_features, subject.loss(method), "features_loss and loss")
    return "features may be shared and trained on"
