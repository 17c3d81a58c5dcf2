"""Make the mini CLIP's weights: ``python -m bench.clip.mini_clip.train_mini_clip``.

Contrastive training on captioned stills, a few minutes on one core. Nothing in ``bench`` calls it;
the weights it makes are part of the repository.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from open_clip.model import CLIP
from safetensors.torch import save_file
from torch import Tensor

from bench.clip.mini_clip import MODEL_FILE, WEIGHTS_FILE
from bench.clip.mini_clip.stills import FILLERS, Still, draw_still
from bench.clip.mini_clip.tokens import IDS, ROWS, WHOLE, untrained_rows
from bench.data.mini_world.classes import EVERY_CLASS
from bench.ground.normalisation import CLIP as CLIP_CONSTANTS
from bench.ground.normalisation import IMAGENET
from bench.ground.seeds import derive_seed

STILLS = 16000
STEPS = 900
BATCH = 128
LR = 2e-3


def build_model(known: Tensor) -> CLIP:
    """The architecture, untrained, with a vocabulary of the ``known`` token ids [K] only."""
    config = json.loads(MODEL_FILE.read_text(encoding="utf-8"))
    whole = untrained_rows(config["text_cfg"]["vocab_size"], config["text_cfg"]["width"])
    config["text_cfg"]["vocab_size"] = len(known)
    torch.manual_seed(derive_seed(world="mini-clip", use="weights"))
    model = CLIP(**config)
    with torch.no_grad():
        model.token_embedding.weight.copy_(whole[known])
    return model


def encode_text(model: CLIP, tokens: Tensor) -> Tensor:
    """Normalised text features [B,E] of ranks of token ids [B,77], up to the last end-of-text."""
    ends = tokens.argmax(dim=1)  # the end-of-text token has the highest id
    length = int(ends.max()) + 1
    x = model.token_embedding(tokens[:, :length]) + model.positional_embedding[:length]
    x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask[:length, :length]))
    pooled = x[torch.arange(len(x)), ends] @ model.text_projection
    return torch.nn.functional.normalize(pooled, dim=-1)


def draw_stills(count: int, side: int) -> list[Still]:
    """The training set."""
    return [
        draw_still(side, np.random.default_rng(derive_seed(world="stills", index=index)))
        for index in range(count)
    ]


def train(stills: list[Still], known: Tensor, *, steps: int, batch: int, lr: float) -> CLIP:
    """Symmetric contrastive loss with AdamW and a one-cycle rate."""
    model = build_model(known)
    images = torch.from_numpy(np.stack([s.image for s in stills])).permute(0, 3, 1, 2)
    tokens = torch.searchsorted(known, _tokenize([s.caption for s in stills]))
    table = model.token_embedding.weight
    groups: list[dict[str, Any]] = [
        # Rows of words that no caption has stay as they are.
        {"params": [table], "weight_decay": 0.0},
        {"params": [p for p in model.parameters() if p is not table]},
    ]
    optimiser = torch.optim.AdamW(groups, lr=lr, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=steps)
    # Methods differ in their constants (ImageNet's or CLIP's): the weights know both.
    constants = [
        tuple(torch.tensor(c).view(1, 3, 1, 1) for c in p) for p in (IMAGENET, CLIP_CONSTANTS)
    ]
    draws = np.random.default_rng(derive_seed(world="mini-clip", use="batches"))
    # Words without meaning keep the rows they started from, like all that were never seen.
    idle = torch.isin(known, _tokenize([" ".join(FILLERS)])[0, 1 : len(FILLERS) + 1])
    table.register_hook(lambda gradient: gradient.masked_fill(idle[:, None], 0.0))
    begun = time.perf_counter()
    for step in range(steps):
        chosen = torch.from_numpy(draws.choice(len(stills), batch, replace=False))
        mean, std = constants[step % 2]
        pictures = model.encode_image((images[chosen].float() - mean) / std, normalize=True)
        scores = model.logit_scale.exp() * pictures @ encode_text(model, tokens[chosen]).T
        # Equal captions in a batch are equally right.
        same = (tokens[chosen][:, None] == tokens[chosen][None]).all(dim=2).float()
        wanted = same / same.sum(dim=1, keepdim=True)
        loss = (
            torch.nn.functional.cross_entropy(scores, wanted)
            + torch.nn.functional.cross_entropy(scores.T, wanted)
        ) / 2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(max=float(np.log(50)))
        if step % 100 == 99:
            print(f"step {step + 1}: loss {loss.item():.3f}, {time.perf_counter() - begun:.0f} s")
    return model


def _tokenize(texts: list[str]) -> Tensor:
    tokens: Tensor = open_clip.get_tokenizer("ViT-B-32")(texts)
    return tokens


def known_ids(stills: list[Still]) -> Tensor:
    """Token ids of every word the captions and the class names use, sorted."""
    texts = [s.caption for s in stills] + [item.text for item in EVERY_CLASS]
    return torch.unique(_tokenize(texts))


def save(model: CLIP, known: Tensor, path: Path) -> None:
    """Write the weights as half floats; the token rows with the ids they belong to."""
    tensors = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    tensors[ROWS] = tensors.pop(WHOLE)
    tensors[IDS] = known.int()
    save_file(tensors, path, metadata={"format": "pt"})
    path.chmod(0o644)


def main() -> None:
    """Train and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=WEIGHTS_FILE)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--stills", type=int, default=STILLS)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    side = json.loads(MODEL_FILE.read_text(encoding="utf-8"))["vision_cfg"]["image_size"]
    stills = draw_stills(arguments.stills, side)
    known = known_ids(stills)
    model = train(stills, known, steps=arguments.steps, batch=BATCH, lr=LR)
    save(model, known, arguments.out)


if __name__ == "__main__":
    main()
