"""What the leaderboard shows of one number when it is opened: members, protocol, provenance."""

from __future__ import annotations

from typing import Any

from bench.ground.words import plural
from reports.formatting import number, signed, with_spread
from reports.tables import METRIC_TITLES, Column, Slot, Table, TableRow
from results.numbers.aggregate import Cell, Estimate, Member
from results.numbers.protocol import agreeing_facts, shown_facts
from results.published import CITATION
from results.run.records import EvaluationRecord

STATE_TITLES = {
    "complete": "complete",
    "done": "done",
    "incomplete": "incomplete: not ranked",
    "failed": "failed",
    "pending": "not run yet",
    "skipped": "not applicable",
    "published": "published",
    "absent": "not part of this run",
}


def details(table: Table, row: TableRow, column: Column, slot: Slot) -> dict[str, Any]:
    """The content of one opened number, as plain JSON data.

    Returns:
        ``title``, ``state``, ``headline``, ``notes`` (sentences), ``members`` (header and rows)
        and ``facts`` (groups of name and value).
    """
    return {
        "title": f"{row.title} · {column.title}",
        "setting": table.title,
        "state": slot.state,
        "status": STATE_TITLES[slot.state],
        "headline": "" if slot.value is None else with_spread(slot.value, slot.std),
        "notes": _notes(table, column, slot),
        "members": _members(column, slot.cell),
        "facts": _facts(slot.cell),
    }


def summary(column: Column, slot: Slot) -> str:
    """One line for a tooltip."""
    if slot.state == "published":
        return f"published: {CITATION}"
    estimate = _estimate(column, slot)
    if estimate is None or slot.cell is None:
        return slot.reason
    parts = [f"{plural(estimate.clips, 'clip')}", _member_count(slot.cell)]
    if estimate.low is not None and estimate.high is not None:
        parts.append(f"95 %: {number(estimate.low)} to {number(estimate.high)}")
    if slot.state == "incomplete":
        parts.append(slot.reason)
    if slot.partial:
        parts.append(slot.caveat(column.metric))
    return " · ".join(parts)


def _estimate(column: Column, slot: Slot) -> Estimate | None:
    return None if slot.cell is None else slot.cell.estimates.get(column.metric)


def _member_count(cell: Cell) -> str:
    """``3 splits``, ``2 of 3 seeds``; of a harmonic mean, the pairs."""
    names, broken = cell.member_names
    noun = "split" if cell.over == "splits" else "seed"
    whole = plural(len(names), noun)
    return f"{len(names - broken)} of {whole}" if broken else whole


def _notes(table: Table, column: Column, slot: Slot) -> list[str]:
    notes = [slot.reason] if slot.reason else []
    estimate = _estimate(column, slot)
    if estimate is not None and slot.cell is not None:
        notes.append(_how_averaged(column, slot.cell, estimate))
        notes += _standing(slot)
        notes += _caveats(column, slot, slot.cell)
    if slot.state == "published" and slot.published is not None:
        notes.append(f"Printed in Table {slot.published.table[1:]} of {CITATION}. Not ranked here.")
        notes += [slot.published.note] if slot.published.note else []
    elif slot.published is not None:
        printed = with_spread(slot.published.value, slot.published.std)
        gap = "" if slot.value is None else f"; here {signed(slot.value - slot.published.value)}"
        notes.append(f"Published: {printed}{gap}.")
    return notes


def _caveats(column: Column, slot: Slot, cell: Cell) -> list[str]:
    """What limits the number: clips without frames, replaced or shared with training, names."""
    caveat = slot.caveat(column.metric)
    notes = [f"{caveat[0].upper()}{caveat[1:]}."] if caveat else []
    trainings = {m.training.key: m.training for m in cell.done if m.training is not None}
    for what, count in (
        ("replaced by another of its class", sum(t.replaced for t in trainings.values())),
        ("left out", sum(t.left_out for t in trainings.values())),
    ):
        if count:
            notes.append(f"In training a clip without frames was {what} {plural(count, 'time')}.")
    shared = max((record.protocol.overlap for record in cell.records), default=0)
    if shared:
        notes.append(f"{plural(shared, 'scored clip')} had been trained on.")
    if slot.published is not None and any(
        record.protocol.labels not in ("", "paper") for record in cell.records
    ):
        notes.append("Its class names are not those of the released label files.")
    return notes


def _how_averaged(column: Column, cell: Cell, estimate: Estimate) -> str:
    what = METRIC_TITLES.get(column.metric, column.metric)
    if column.metric == "hm":
        text = "Harmonic mean of the unrounded base and novel means"
    else:
        text = _what_of(what, cell)
    if estimate.std is not None and estimate.std_population is not None:
        text += (
            f"; ± {number(estimate.std, 2)} is the sample standard deviation"
            f" ({number(estimate.std_population, 2)} with divisor n)"
        )
    if estimate.low is not None and estimate.high is not None:
        over = "clips and seeds" if cell.over == "seeds" and len(estimate.values) > 1 else "clips"
        basis = "per-clip scores" if estimate.source == "scores" else "clip counts"
        text += (
            f"; 95 % interval over {over}: {number(estimate.low)} to {number(estimate.high)}"
            f" ({plural(estimate.clips, 'clip')}, from {basis})"
        )
    return text + "."


def _what_of(what: str, cell: Cell) -> str:
    if len(cell.members) > 1:
        return f"{what}: mean over {_member_count(cell)}"
    (member,) = cell.members
    if member.trial.training is None:
        return f"{what}: not trained, so one number holds for all seeds"
    return f"{what} of one training ({member.trial.member})"


def _standing(slot: Slot) -> list[str]:
    standing = slot.standing
    if standing.differs:
        facts = "; ".join(
            f"{name}: {ours} here, {theirs} there"
            for name, (ours, theirs) in standing.differs.items()
        )
        return [f"Not ranked with the others, because the protocol differs. {facts}."]
    if standing.rank is None:
        return []
    if standing.to_best is None or standing.rank == 1:
        return ["Best of its column."]
    gap = standing.to_best
    how = "clip by clip" if gap.paired else "from the two intervals"
    verdict = "a tie with the best" if gap.tie else "behind the best"
    return [
        f"Rank {standing.rank}, {verdict}: the difference is {number(gap.value)}"
        f" ± {number(gap.half_width)} points (95 %, taken {how})."
    ]


def _members(column: Column, cell: Cell | None) -> dict[str, Any]:
    if cell is None or not cell.members:
        return {"head": [], "rows": []}
    halves = column.metric == "hm"
    metric = "top1" if halves else column.metric
    head = ["Member", METRIC_TITLES.get(metric, metric), "Clips", "Evaluation", "Training"]
    return {"head": head, "rows": [_member(m, metric, halves) for m in cell.members]}


def _member(member: Member, metric: str, halves: bool) -> list[str]:
    trial = member.trial
    name = f"{trial.member}, {trial.split}" if halves else trial.member
    training = (trial.training or "none")[:12]
    if member.record is None:
        return [name, STATE_TITLES[member.state], "", trial.evaluation[:12], training]
    counts = member.record.counts
    value = member.record.metrics.get(metric)
    return [
        name,
        "" if value is None else number(value, 2),
        f"{counts.listed} / {counts.present} / {counts.decoded} / {counts.scored}",
        trial.evaluation[:12],
        training,
    ]


def _facts(cell: Cell | None) -> list[dict[str, Any]]:
    if cell is None or not cell.records:
        return []
    agree: dict[str, list[str]] = {}
    shown: dict[str, list[str]] = {}
    made: dict[str, list[str]] = {}
    for member in cell.done:
        if member.record is None:
            continue
        for target, facts in (
            (agree, agreeing_facts(member.record)),
            (shown, shown_facts(member.record)),
            (made, _made(member.record, member)),
        ):
            for name, value in facts.items():
                known = target.setdefault(name, [])
                if value and value not in known:
                    known.append(value)
    protocol = {"fingerprint": [cell.fingerprint], **agree}
    groups = (
        ("Must agree to be ranked together", protocol),
        ("Belongs to the method", shown),
        ("Made with", made),
    )
    return [{"title": title, "rows": _lines(facts)} for title, facts in groups]


def _lines(facts: dict[str, list[str]]) -> list[list[str]]:
    return [
        [name.replace("_", " "), ", ".join(_short(name, value) for value in values)]
        for name, values in facts.items()
        if values
    ]


def _short(name: str, value: str) -> str:
    return value[:12] if "sha256" in name else value


def _made(record: EvaluationRecord, member: Member) -> dict[str, str]:
    made = record.provenance
    training = member.training
    commit = (made.git_commit or "")[:12] + (" (modified)" if made.git_dirty else "")
    return {
        "run": member.folder.parent.parent.name,
        "clip list": record.protocol.list_origin,
        "class names": ", ".join(
            filter(None, [record.protocol.labels, record.protocol.classes_origin])
        ),
        "code": commit.strip(),
        "decoder": made.decoder,
        "hardware": ", ".join(f"{k} {v}" for k, v in made.hardware.items()),
        "packages": ", ".join(f"{k} {v}" for k, v in made.packages.items()),
        "seconds to score": f"{made.seconds:.1f}",
        "trained": ""
        if training is None
        else f"{plural(training.epochs, 'epoch')}, {plural(training.updates, 'update')}, "
        f"{plural(training.clips_seen, 'clip')} seen",
        "trained parameters": ""
        if training is None
        else f"{training.trainable_parameters:,} of {training.total_parameters:,}",
        "unusable clips": ", ".join(f"{clip.clip} ({clip.reason})" for clip in record.bad_clips),
    }
