"""eSpeak NG in this process: a sentence, a voice and a manner of speaking to samples. Knows no noise.

The library keeps the state of its noise and flutter generators in static variables, and its Klatt voices
breathe with C's `rand`. It is therefore loaded anew for each utterance (about a millisecond) and `rand`
seeded, so that equal arguments give equal samples.
"""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 22_050  # Hz; what the library synthesises at

_RETRIEVAL, _UTF8 = 2, 1  # espeak_AUDIO_OUTPUT, espeakCHARS_UTF8
_DO_NOT_EXIT = 0x8000  # espeakINITIALIZE_DONT_EXIT: bad data is an error code, not the end of the process
_RATE, _PITCH, _RANGE, _WORD_GAP = 1, 3, 4, 7  # espeak_PARAMETER
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_one_at_a_time = threading.Lock()


class SynthesisFailed(Exception):
    """The library or its data are missing, or it does not know the voice."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the library and its data lie. Version 1.52 or later: 1.51 cannot read Chinese characters."""

    library: Path
    data: Path

    @classmethod
    def of_package(cls) -> "Installation":
        """The one inside the `espeakng-loader` package."""
        return cls(Path(espeakng_loader.get_library_path()), Path(espeakng_loader.get_data_path()))


@dataclass(frozen=True, slots=True)
class Manner:
    rate: int = 175  # words a minute
    pitch: int = 50  # 0-99; 50 is the voice's own
    pitch_range: int = 50  # 0-99; 0 is monotonous
    word_gap: int = 0  # hundredths of a second


def speak(
    sentence: str, voice: str, manner: Manner, seed: int, installation: Installation | None = None
) -> NDArray[np.float32]:
    """Returns (T,) at SAMPLE_RATE, in [-1, 1]. `voice` is a language and a variant: "en-us+f2".

    Raises SynthesisFailed. Threads wait for each other.
    """
    chunks: list[NDArray[np.int16]] = []

    def receive(samples: "ctypes._Pointer[ctypes.c_short]", count: int, _events: int | None) -> int:
        if samples and count:
            chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    callback = _Callback(receive)  # kept alive here until the library is closed
    text = sentence.encode()
    with _opened(installation or Installation.of_package(), voice) as library:
        library.espeak_SetSynthCallback(callback)
        library.espeak_ng_SetRandSeed(ctypes.c_long(seed & 0x7FFF_FFFF))
        ctypes.CDLL(None).srand(ctypes.c_uint(seed & 0x7FFF_FFFF))
        for parameter, value in (
            (_RATE, manner.rate),
            (_PITCH, manner.pitch),
            (_RANGE, manner.pitch_range),
            (_WORD_GAP, manner.word_gap),
        ):
            library.espeak_SetParameter(parameter, value, 0)
        library.espeak_Synth(text, ctypes.c_size_t(len(text) + 1), 0, 0, 0, _UTF8, None, None)
        library.espeak_Synchronize()
    if not chunks:
        raise SynthesisFailed(f"voice {voice!r} said nothing")
    return np.concatenate(chunks).astype(np.float32) / np.float32(32768)


def read_aloud(sentence: str, voice: str, installation: Installation | None = None) -> str:
    """The phonemes that `voice` says, in the library's own letters. "(en)" is a change of language."""
    text = ctypes.create_string_buffer(sentence.encode())
    position = ctypes.c_void_p(ctypes.addressof(text))
    clauses = []
    with _opened(installation or Installation.of_package(), voice) as library:
        library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        while position.value:
            clauses.append(library.espeak_TextToPhonemes(ctypes.byref(position), _UTF8, 0).decode())
    return " ".join(clauses)


@contextmanager
def _opened(installation: Installation, voice: str) -> Iterator[ctypes.CDLL]:
    with _one_at_a_time:
        try:
            library = ctypes.CDLL(str(installation.library))
        except OSError as error:
            raise SynthesisFailed(str(error)) from error
        try:
            data = str(installation.data).encode()
            if library.espeak_Initialize(_RETRIEVAL, 0, data, _DO_NOT_EXIT) != SAMPLE_RATE:
                raise SynthesisFailed(f"no usable data in {installation.data}")
            if library.espeak_SetVoiceByName(voice.encode()):
                raise SynthesisFailed(f"unknown voice {voice!r}")
            yield library
        finally:
            library.espeak_Terminate()
            _close(library)


def _close(library: ctypes.CDLL) -> None:
    """Unloads a library, with its variables. ctypes itself never does."""
    close = ctypes.CDLL(None).dlclose
    close.argtypes = (ctypes.c_void_p,)
    close(library._handle)
