"""What a file is, by its first bytes: a declared type or a name is never believed."""

from typing import Literal, get_args

ImageFormat = Literal["jpeg", "png", "webp", "heic", "avif", "gif", "bmp"]
AudioFormat = Literal["m4a", "mp3", "ogg", "webm", "amr", "flac", "wav", "aac"]
MediaFormat = ImageFormat | AudioFormat

IMAGE_FORMATS: frozenset[str] = frozenset(get_args(ImageFormat))
AUDIO_FORMATS: frozenset[str] = frozenset(get_args(AudioFormat))

_PREFIXES: tuple[tuple[bytes, MediaFormat], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"OggS", "ogg"),  # Opus, Vorbis and FLAC alike
    (b"\x1aE\xdf\xa3", "webm"),
    (b"#!AMR", "amr"),
    (b"fLaC", "flac"),
    (b"ID3", "mp3"),
)
_HEIC_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_BMP_HEADER_BYTES = frozenset({12, 40, 52, 56, 64, 108, 124})
_MAX_FTYP_BYTES = 256


def sniff(data: bytes) -> MediaFormat | None:
    """None for whatever is neither a picture nor a recording that we decode."""
    for prefix, media_format in _PREFIXES:
        if data.startswith(prefix):
            return media_format
    if data[:4] == b"RIFF":
        return {b"WEBP": "webp", b"WAVE": "wav"}.get(data[8:12])  # type: ignore[return-value]  # both are formats
    if data[4:8] == b"ftyp":
        return _iso_media(data)
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADER_BYTES:
        return "bmp"
    return _mpeg_audio(data)


def _iso_media(data: bytes) -> MediaFormat:
    box_bytes = min(int.from_bytes(data[:4]), _MAX_FTYP_BYTES, len(data))
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, box_bytes - 3, 4))}
    if brands & _AVIF_BRANDS:
        return "avif"
    return "heic" if data[8:12] in _HEIC_BRANDS else "m4a"


def _mpeg_audio(data: bytes) -> MediaFormat | None:
    """A frame header without a container: 11 set bits, then version and layer."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return None
    version, layer = data[1] >> 3 & 0b11, data[1] >> 1 & 0b11
    if layer == 0b00 and data[1] & 0xF0 == 0xF0:
        return "aac"  # ADTS
    is_layer_3 = layer == 0b01 and version != 0b01
    has_rates = data[2] >> 4 != 0b1111 and data[2] >> 2 & 0b11 != 0b11
    return "mp3" if is_layer_3 and has_rates else None
