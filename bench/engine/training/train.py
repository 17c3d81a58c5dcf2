"""The training loop.

One update is: text once, then for every micro-step frames -> mix -> loss -> backward, then the text
tower's backward, then AdamW, then the schedule. All draws are seeded by their position, so a
training that was killed continues to the same weights.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor

from bench.data.lists.clip_lists import Policy, load_clips, missing_clips
from bench.data.lists.clips import ClipSet
from bench.data.loading.clip_loader import LoadedClip
from bench.engine import checkpoint
from bench.engine.bad_clips import TRAINING_CHOICES
from bench.engine.build import build_method
from bench.engine.heartbeat import Heartbeat
from bench.engine.initial_weights import inherit
from bench.engine.precision import pick_device, resolve_precision
from bench.engine.provenance import Stopwatch, provenance
from bench.engine.shortcuts import Shortcuts
from bench.engine.stopping import Interrupted, StopRequest
from bench.engine.training.batches import Counting, MicroStep, count_steps, epoch_updates
from bench.engine.training.chunks import choose_chunk, split
from bench.engine.training.feature_training import open_inputs
from bench.engine.training.mixing import draw_mix, mix_, mixes, soft_targets
from bench.engine.training.optimiser import build_optimiser, optimised_names
from bench.engine.training.schedule import build_schedule
from bench.engine.training.text_once import TextOfUpdate
from bench.engine.training.two_pass import backward_over_update, check_recipe
from bench.engine.training.usable_clips import Batches, Loader, UsableClips
from bench.ground.errors import BenchError
from bench.ground.seeds import derive_seed, seed_everything
from bench.planning.jobs import TrainJob
from results.run.layout import CHECKPOINT, STATE
from results.run.records import BadClip, TrainRecord

SAVE_SECONDS = "BENCH_SAVE_SECONDS"
"""Environment variable: seconds between two saved states, at least (default 30)."""
_SAVING_SHARE = 0.05
"""Saving takes no more than this share of the time."""
_TOLERATED = 25
"""Updates in a row whose loss may overflow in fp16; in fp32 none may."""

_log = logging.getLogger(__name__)


class TrainingError(BenchError):
    """The training itself went wrong."""


@dataclass
class _Position:
    """Where the training is; what is not a tensor of its state."""

    updates: int = 0
    clips_seen: int = 0
    loss: float | None = None
    overflows: int = 0
    replaced: int = 0
    left_out: int = 0


def run_training(
    job: TrainJob,
    folder: Path,
    parents: Mapping[str, Path],
    *,
    shortcuts: Shortcuts | None = None,
    stop: StopRequest | None = None,
) -> TrainRecord:
    """Train, or go on training, and write ``checkpoint.safetensors`` into ``folder``.

    Args:
        job: What to train.
        folder: The job's folder; its saved state, if there is one, is continued.
        parents: Key of the parent training -> its folder.
        shortcuts: None: as the environment says.
        stop: Asked between micro-steps; its signal saves the state and stops.

    Raises:
        DataError: Clips are missing or broken, or too few for one update.
        WeightsError: The backbone or the parent's checkpoint does not fit.
        TrainingError: The loss is not finite.
        Interrupted: ``stop`` was asked for; the state is saved.
        OSError: Also on a full disk; no half file is left.
    """
    torch.set_num_threads(job.threads)
    policy: Policy = "error" if job.policy == "error" else "exclude"
    clips = load_clips(job.clips, policy=policy, choices=TRAINING_CHOICES)
    counting = count_steps(len(clips), job.recipe)
    run = TrainingRun(
        job, folder, parents, clips, counting, shortcuts or Shortcuts.from_environment()
    )
    run.resume()
    run.train(stop or StopRequest())
    return run.finish()


class TrainingRun:
    """One training from its first or resumed update to its record; see ``run_training``."""

    def __init__(
        self,
        job: TrainJob,
        folder: Path,
        parents: Mapping[str, Path],
        clips: ClipSet,
        counting: Counting,
        shortcuts: Shortcuts,
    ) -> None:
        self.watch = Stopwatch()
        self.job, self.recipe, self.folder = job, job.recipe, folder
        self.clips, self.counting, self.shortcuts = clips, counting, shortcuts
        self.device = pick_device()
        self.precision = resolve_precision(self.recipe.precision, self.device)
        built = build_method(job, clips.class_names)
        self.method = built.method
        shortcuts.set_switches(self.method)
        check_recipe(self.method, self.recipe)
        self.inherited = inherit(self.method, job, parents)
        self.buffers = checkpoint.snapshot_buffers(self.method)
        self.method.to(self.device).train()
        self.optimiser = build_optimiser(self.method, self.recipe)
        self.schedule = build_schedule(self.optimiser, self.recipe, counting.micro_steps)
        self.scaler = self.precision.scaler()
        inputs = open_inputs(job, clips, built, self.precision, self.shortcuts)
        self.loader, self.normalise = inputs.loader, inputs.together
        self.loss, self.chunk = inputs.loss, inputs.chunk

        def few_at_once() -> Loader:
            alone = job.model_copy(update={"workers": min(1, job.workers)})
            return open_inputs(alone, clips, built, self.precision, self.shortcuts).loader

        self.usable = UsableClips(job, clips, few_at_once)
        self.heartbeat = Heartbeat(folder)
        self.at = _Position()
        self.saved = time.monotonic()
        self.save_seconds = float(os.environ.get(SAVE_SECONDS, "30"))

    @property
    def total_updates(self) -> int:
        return self.recipe.updates_in_all(self.counting.updates)

    @property
    def epochs(self) -> int:
        """Epochs begun; the last one ends early where the recipe counts updates."""
        return -(-self.total_updates // self.counting.updates)

    def resume(self) -> None:
        """Take up the saved state of this very job, if there is one; call before ``train``."""
        state = checkpoint.TrainingState.load(self.folder / STATE, self.job.key)
        if state is not None:
            done = state.progress
            state.restore(self.method, self.optimiser, optimised_names(self.method))
            if done.scaler:
                self.scaler.load_state_dict(done.scaler)
            counts = done.replaced, done.left_out
            self.at = _Position(done.updates, done.clips_seen, done.loss, 0, *counts)
            self.usable.resume([BadClip(**fields) for fields in done.bad_clips], *counts)
            self.watch.earlier = done.seconds
            self.chunk = done.chunk
            if done.updates:
                epoch, update = divmod(done.updates - 1, self.counting.updates)
                self.schedule.after_update(epoch, update)
            _log.info("continued after update %d of %d", done.updates, self.total_updates)
        if self.chunk == 0:
            self.chunk = choose_chunk(
                self.method, self.recipe, self.precision, len(self.clips.class_names)
            )

    def train(self, stop: StopRequest) -> None:
        """Make every update that is still to be made."""
        first, skipped = divmod(self.at.updates, self.counting.updates)
        try:
            for epoch in range(first, self.epochs):
                left = self.total_updates - epoch * self.counting.updates
                updates = epoch_updates(
                    len(self.clips), self.recipe, seed=self.job.seed, epoch=epoch
                )[skipped:left]
                batches = self.loader.train(
                    [step.clips for update in updates for step in update], epoch=epoch
                )
                for number, steps in enumerate(updates, skipped):
                    self._update(epoch, number, steps, batches, stop)
                skipped = 0
        except Interrupted:
            self.save()
            raise
        finally:
            self.loader.close()
            self.usable.close()

    def _update(
        self,
        epoch: int,
        number: int,
        steps: tuple[MicroStep, ...],
        batches: Batches,
        stop: StopRequest,
    ) -> None:
        """One optimiser step; until it is made, stopping loses nothing but this update."""
        self.optimiser.zero_grad(set_to_none=True)
        text = TextOfUpdate(
            self.method,
            self.precision,
            enabled=self.shortcuts.text_once_per_update and not self.method.loss_spans_update,
            seed=self._seed("text", epoch=epoch, update=number),
        )
        losses, clips = [], 0
        together: list[LoadedClip] = []
        for step in steps:
            stop.check()
            loaded = self.usable.groups(step, next(batches), batches, epoch)
            if self.method.loss_spans_update:
                together += chain.from_iterable(loaded)
            elif any(loaded):
                losses.append(self._micro_step(epoch, step, loaded, text.features))
            clips += sum(map(len, loaded))
        if together:
            seed = self._seed("forward", epoch=epoch, update=number)
            losses.append(self._all_at_once(together, seed, stop))
        text.backward()
        if losses:
            self._check(losses, epoch)
            self.scaler.step(self.optimiser)
            self.scaler.update()
        self.schedule.after_update(epoch, number)
        self.at.updates += 1
        self.at.clips_seen += clips
        self.at.replaced, self.at.left_out = self.usable.replaced, self.usable.left_out
        self.heartbeat.beat(
            self.at.clips_seen,
            epoch=epoch + 1,
            epochs=self.epochs,
            update=self.at.updates,
            updates=self.total_updates,
            loss=self.at.loss,
        )
        if self.at.updates < self.total_updates and self._due():
            self.save()

    def _micro_step(
        self, epoch: int, step: MicroStep, groups: list[list[LoadedClip]], text: Tensor | None
    ) -> Tensor:
        """Forward and backward of one micro-step; returns its mean loss."""
        loaded = [item for group in groups for item in group]
        video = self.normalise([item.frames for item in loaded])
        labels = torch.tensor([item.clip.label for item in loaded], device=self.device)
        targets = self._targets(video, labels, epoch, step, [len(group) for group in groups])
        seed_everything(self._seed("forward", epoch=epoch, step=step.index))
        total = torch.zeros((), device=self.device)
        sizes = [len(group) for group in groups if group]
        for part in split(self.method, self.chunk, sizes):
            share = (part.stop - part.start) / len(loaded)
            with self.precision.autocast():
                loss = self.loss(video[part], targets[part], text) * share
            self.scaler.scale(loss / self.recipe.accumulation).backward()
            total += loss.detach()
        return total

    def _all_at_once(self, clips: list[LoadedClip], seed: int, stop: StopRequest) -> Tensor:
        """Forward and backward of an update whose loss couples all its clips."""
        return backward_over_update(
            self.method,
            clips,
            chunk=self.chunk,
            normalise=self.normalise,
            precision=self.precision,
            scaler=self.scaler,
            seed=seed,
            check=stop.check,
        )

    def _targets(
        self, video: Tensor, labels: Tensor, epoch: int, step: MicroStep, sizes: list[int]
    ) -> Tensor:
        """Targets of the loss; mixes ``video`` in place, each group with its own draw."""
        recipe = self.recipe
        if not mixes(recipe) and recipe.label_smoothing == 0:
            return labels
        targets = soft_targets(labels, len(self.clips.class_names), recipe.label_smoothing)
        if not mixes(recipe):
            return targets
        height, width = video.shape[-2:]
        start = 0
        for group, size in zip(step.groups, sizes, strict=True):
            rows = slice(start, start + size)
            start += size
            if size:
                seed = self._seed("mix", epoch=epoch, step=step.index, replica=group.replica)
                draw = draw_mix(size, height, width, recipe, seed=seed)
                mix_(video[rows], targets[rows], draw)
        return targets

    def _seed(self, use: str, **place: int) -> int:
        return derive_seed(use=use, seed=self.job.seed, **place)

    def _check(self, losses: list[Tensor], epoch: int) -> None:
        """Note the loss of the update; refuse to go on with one that is not finite.

        Raises:
            TrainingError: The loss is not finite and fp16 cannot be the reason.
        """
        self.at.loss = float(torch.stack(losses).mean())
        if math.isfinite(self.at.loss):
            self.at.overflows = 0
            return
        self.at.overflows += 1
        if self.precision.used != "amp-fp16" or self.at.overflows > _TOLERATED:
            raise TrainingError(
                "the training diverged: the loss is not finite",
                got=(
                    f"{self.at.loss} at update {self.at.updates + 1} of {self.total_updates} "
                    f"(epoch {epoch + 1}), lr {self.optimiser.param_groups[0]['lr']:.3g}"
                ),
                next_step="lower lr in the recipe, or use precision = 'fp32'",
            )

    def _due(self) -> bool:
        return time.monotonic() - self.saved >= self.save_seconds

    def _kept(self) -> tuple[str, ...]:
        return checkpoint.changed_names(self.method, self.buffers, self.inherited)

    def save(self) -> None:
        """Save the state as of the last update."""
        started = time.monotonic()
        checkpoint.TrainingState.capture(
            checkpoint.Progress(
                key=self.job.key,
                updates=self.at.updates,
                clips_seen=self.at.clips_seen,
                loss=self.at.loss,
                chunk=self.chunk,
                bad_clips=[bad.model_dump() for bad in self.usable.bad.all()],
                replaced=self.at.replaced,
                left_out=self.at.left_out,
                seconds=self.watch.seconds,
                scaler=self.scaler.state_dict(),
            ),
            self.method,
            self._kept(),
            self.optimiser,
            optimised_names(self.method),
        ).save(self.folder / STATE)
        self.saved = time.monotonic()
        if self.save_seconds > 0:
            taken = self.saved - started
            self.save_seconds = max(self.save_seconds, taken / _SAVING_SHARE)

    def finish(self) -> TrainRecord:
        """Write the checkpoint and say what was done."""
        job, method = self.job, self.method
        sha256 = checkpoint.save_weights(method, self._kept(), self.folder / CHECKPOINT)
        self.heartbeat.end()
        missing = 0 if job.policy == "error" else len(missing_clips(self.clips))
        counts = self.usable.bad.counts(missing)
        trainable = set(method.trainable_names())
        sizes = {name: value.numel() for name, value in method.named_parameters()}
        return TrainRecord(
            key=job.key,
            method=job.method.row,
            adapter=job.method.adapter,
            checkpoint=CHECKPOINT,
            checkpoint_sha256=sha256,
            epochs=self.epochs,
            updates=self.at.updates,
            clips_seen=self.at.clips_seen,
            final_loss=self.at.loss,
            trainable_parameters=sum(sizes[name] for name in trainable),
            total_parameters=sum(sizes.values()),
            initialised_from=job.starts_from,
            counts=counts.model_copy(update={"scored": counts.decoded}),
            bad_clips=self.usable.bad.all(),
            policy=job.policy,
            replaced=self.at.replaced,
            left_out=self.at.left_out,
            recipe=self.recipe.model_dump(mode="json") | {"precision_used": self.precision.used},
            provenance=provenance(
                self.watch,
                self.device,
                decoder=", ".join(sorted(self.loader.decoders)),
                seeds={"training": job.seed},
            ),
        )
