"""ViFi-CLIP that classifies by the best frame instead of the mean frame."""

from bench.clip import normalize
from methods.base import Origin
from methods.vifi.vifi_clip import VifiClip


class BestFrame(VifiClip):
    """Each class is scored by the frame that fits it best."""

    name = "best-frame"
    title = "Best frame"
    summary = "both encoders are fine-tuned; each class is scored by its best frame"
    origin = Origin(citation="an example of this project's documentation")

    def score(self, frames, text):  # frames [B,T,E], text [C,E]
        cosines = normalize(frames) @ normalize(text).T  # [B,T,C]
        return self.logit_scale.exp() * cosines.amax(dim=1)  # [B,C]
