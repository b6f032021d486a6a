"""Finds where somebody speaks in a recording: Silero VAD 6.2, computed with numpy alone.

`silero_vad_16k.npz` holds the weights of the package `silero-vad`, under the licence beside it; a test
compares them. That package needs torch or onnxruntime, and sets torch's number of threads when imported.
"""

from inference.voice_activity.network import Network
from inference.voice_activity.phrases import Phrase, cut_phrases
from inference.voice_activity.spans import SpeechSearch, SpeechSpan

__all__ = ["Network", "Phrase", "SpeechSearch", "SpeechSpan", "cut_phrases"]
