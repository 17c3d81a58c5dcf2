"""ActionCLIP's texts: 16 prompts per class, what they score, and the loss that matches them.

Checked against sallymmx/ActionCLIP at commit 31c34df (``utils/Text_Prompt.py``,
``utils/KLLoss.py``, ``test.py``). Shapes: B clips, C classes, E joint width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import kl_div

from bench.clip import normalize

TEMPLATES = (
    "a photo of action {}",
    "a picture of action {}",
    "Human action of {}",
    "{}, an action",
    "{} this is an action",
    "{}, a video of action",
    "Playing action of {}",
    "{}",
    "Playing a kind of action, {}",
    "Doing a kind of action, {}",
    "Look, the human is {}",
    "Can you recognize the action of {}?",
    "Video classification of {}",
    "A video of {}",
    "The man is {}",
    "The woman is {}",
)
TEST_SCALE = 100.0
"""At test time the original multiplies by this constant, not by its learned temperature."""
LABEL_SHARPNESS = 10.0
"""Targets of the loss are the softmax of this times "has the same class"."""


def prompts_of(class_names: Sequence[str]) -> tuple[str, ...]:
    """16 * C prompts, row = template * C + class; names go in as the label file has them."""
    return tuple(template.format(name) for template in TEMPLATES for name in class_names)


def template_scores(clips: Tensor, text: Tensor) -> Tensor:
    """Scaled cosines of every clip with every prompt.

    Args:
        clips: [B,E], not normalised.
        text: [16 * C,E], not normalised.

    Returns:
        [B,16,C].
    """
    scores: Tensor = TEST_SCALE * normalize(clips) @ normalize(text).T  # [B,16*C]
    return scores.unflatten(1, (len(TEMPLATES), -1))  # [B,16,C]


def log_mean_probability(scores: Tensor) -> Tensor:
    """Log of the class probabilities averaged over the templates.

    Args:
        scores: [B,16,C].

    Returns:
        [B,C], float32.
    """
    logs = scores.float().log_softmax(dim=-1)
    return logs.logsumexp(dim=1) - math.log(scores.shape[1])


def matching_loss(similarity: Tensor, labels: Tensor) -> Tensor:
    """Mean of the Kullback-Leibler divergences of clips from texts and of texts from clips.

    Args:
        similarity: [B,B], clip by text, with the temperature.
        labels: Class ids [B]; pairs of one class are all matches.
    """
    same = (labels[:, None] == labels[None, :]).to(similarity.dtype)  # [B,B]
    # The matrix is symmetric, so that its rows serve clips and texts alike.
    target = (LABEL_SHARPNESS * same).softmax(dim=1)
    of_clips = kl_div(similarity.log_softmax(dim=1), target, reduction="batchmean")
    of_texts = kl_div(similarity.T.log_softmax(dim=1), target, reduction="batchmean")
    return (of_clips + of_texts) / 2
