"""Small files that cost far more than their bytes, one of each kind that was found. Made on the spot.

Knows formats, not how they are decoded; tests and benchmarks share them. `HOSTILE_IMAGES` and
`HOSTILE_RECORDINGS` map a name to what makes the file.
"""

import io
import struct
import wave
import zlib
from collections.abc import Callable
from typing import Final

import av
import numpy as np
import pillow_heif
from PIL import Image as PillowImage

MEGA: Final = 1_000_000
LIMIT_BYTES: Final = 25 * 1_048_576  # what the gateway takes of one file


# Pictures


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, depth: int = 1, colour: int = 0, *chunks: bytes) -> bytes:
    """All pixels zero. `colour` as in IHDR; `chunks` stand before the pixels."""
    channels = {0: 1, 2: 3, 6: 4}[colour]
    row = bytes(1 + -(-width * channels * depth // 8))
    compressor = zlib.compressobj(9)
    pixels = b"".join(compressor.compress(row) for _ in range(height)) + compressor.flush()
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = b"".join(chunks) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + body


def png_of_many_chunks() -> bytes:
    return png(8, 8, 8, 2, png_chunk(b"tIME", bytes(7)) * 1_000_000)


def png_with_text_bombs() -> bytes:
    text = png_chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1_000_000), 9))
    return png(8, 8, 8, 2, text * 900)


def encoded(picture: PillowImage.Image, file_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    if file_format == "HEIF":
        pillow_heif.from_pillow(picture).save(file, **options)
    else:
        picture.save(file, file_format, **options)
    return file.getvalue()


def jpeg_of_segments(segment: bytes) -> bytes:
    """As many of one segment as fit, before an ordinary picture."""
    picture = encoded(PillowImage.new("RGB", (16, 16)), "JPEG")
    count = (LIMIT_BYTES - len(picture)) // len(segment)
    return picture[:2] + segment * count + picture[2:]


def jpeg_of_exif_segments() -> bytes:
    return jpeg_of_segments(b"\xff\xe1\x00\x09Exif\0\0x")


def jpeg_of_fill_bytes() -> bytes:
    return jpeg_of_segments(b"\xff")


def jpeg_of_comments() -> bytes:
    return jpeg_of_segments(b"\xff\xfe\x00\x02")


def jpeg_progressive() -> bytes:
    """Fifty megapixels without subsampling: the decoder keeps every coefficient."""
    picture = PillowImage.new("RGB", (7_000, 7_000), "red")
    return encoded(picture, "JPEG", progressive=True, subsampling=0, quality=5)


def jpeg_of_scans() -> bytes:
    picture = encoded(PillowImage.new("RGB", (6_000, 6_000)), "JPEG", progressive=True, quality=5)
    scan = picture[picture.rindex(b"\xff\xda") : -2]
    return picture[:-2] + scan * 90 + picture[-2:]


def gif_of_comments() -> bytes:
    picture = encoded(PillowImage.new("P", (8, 8)), "GIF")
    header = 13 + (3 << ((picture[10] & 7) + 1) if picture[10] & 0x80 else 0)
    comment = b"\x21\xfe" + (b"\xff" + bytes(range(1, 256))) * 97_000 + b"\0"
    return picture[:header] + comment + picture[header:]


def gif_of_fifty_megapixels() -> bytes:
    return encoded(PillowImage.new("P", (7_071, 7_071)), "GIF")


def webp_with_large_canvas() -> bytes:
    """A canvas of 50 megapixels around a frame of 64."""
    frame = encoded(PillowImage.new("RGB", (8, 8)), "WEBP", lossless=True)[12:]
    side = 7_071
    canvas = b"VP8X" + struct.pack("<II", 10, 0) + (side - 1).to_bytes(3, "little") * 2
    return b"RIFF" + struct.pack("<I", 4 + len(canvas) + len(frame)) + b"WEBP" + canvas + frame


def webp_of_seventeen_megapixels() -> bytes:
    return encoded(PillowImage.new("RGBA", (4_200, 4_200), (9, 9, 9, 9)), "WEBP", lossless=True)


def avif_of_twenty_megapixels() -> bytes:
    return encoded(PillowImage.new("RGB", (5_000, 4_000)), "AVIF", speed=10)


def bmp_of_run_lengths(width: int = 50 * MEGA, height: int = 1) -> bytes:
    """RLE8: four bytes skip whole rows, whose pixels the decoder fills in."""
    runs = b"\0\2\0" + bytes([min(height, 255)])
    runs = runs * -(-height // 255) + b"\0\1"
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 1, 1, 256, 0)
    start = 14 + len(header) + 1_024
    return b"BM" + struct.pack("<IHHI", start + len(runs), 0, 0, start) + header + bytes(1_024) + runs


def heic_flat(width: int, height: int) -> bytes:
    return encoded(PillowImage.new("RGB", (width, height)), "HEIF", quality=10)


def heic_larger_than_declared(side: int = 6_000) -> bytes:
    """`ispe` says 64 x 64, the coded picture is far larger."""
    declared, coded = struct.pack(">II", 64, 64), struct.pack(">II", side, side)
    return heic_flat(side, side).replace(b"ispe\0\0\0\0" + coded, b"ispe\0\0\0\0" + declared)


def heic_grid(rows: int = 31, columns: int = 32, side: int = 2_048, shown: int = 64) -> bytes:
    """A grid whose tiles are all the same coded picture, shown as `shown` x `shown` pixels."""
    tile = heic_flat(side, side)
    configuration = _heic_box(tile, b"hvcC")
    coded = _heic_box(tile, b"mdat")
    grid = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, shown, shown)
    properties = [
        configuration,
        _full_box(b"ispe", struct.pack(">II", side, side)),
        _full_box(b"ispe", struct.pack(">II", shown, shown)),
    ]
    associations = struct.pack(">I", 2) + struct.pack(">HBBB", 1, 2, 0x81, 2) + struct.pack(">HBB", 2, 1, 3)
    references = struct.pack(">HH", 2, rows * columns) + struct.pack(">H", 1) * (rows * columns)
    items = (
        struct.pack(">H", 2)
        + _full_box(b"infe", struct.pack(">HH4sx", 1, 0, b"hvc1"), 2)
        + _full_box(b"infe", struct.pack(">HH4sx", 2, 0, b"grid"), 2)
    )

    def meta(offset: int) -> bytes:
        # Version 1: the tile lies in the file (method 0), the grid in `idat` (method 1).
        locations = b"\x44\x00" + struct.pack(">H", 2)
        locations += struct.pack(">HHHHII", 1, 0, 0, 1, offset, len(coded) - 8)
        locations += struct.pack(">HHHHII", 2, 1, 0, 1, 0, len(grid))
        return _full_box(
            b"meta",
            _full_box(b"hdlr", struct.pack(">I4s12xx", 0, b"pict"))
            + _full_box(b"pitm", struct.pack(">H", 2))
            + _full_box(b"iinf", items)
            + _full_box(b"iref", _box(b"dimg", references))
            + _box(b"iprp", _box(b"ipco", b"".join(properties)) + _full_box(b"ipma", associations))
            + _full_box(b"iloc", locations, 1)
            + _box(b"idat", grid),
        )

    file_type = _box(b"ftyp", b"heic\0\0\0\0mif1heic")
    offset = len(file_type) + len(meta(0)) + 8
    return file_type + meta(offset) + coded


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def _full_box(name: bytes, content: bytes, version: int = 0) -> bytes:
    return _box(name, bytes([version, 0, 0, 0]) + content)


def _heic_box(data: bytes, name: bytes) -> bytes:
    """The first box of that name, header included."""
    at = data.index(name) - 4
    return data[at : at + int.from_bytes(data[at : at + 4])]


# Recordings


def sound(container: str, codec: str, layout: str = "mono", rate: int = 48_000, **options: str) -> bytes:
    """A tenth of a second of silence."""
    file = io.BytesIO()
    with av.open(file, "w", format=container, options=options) as output:
        stream = output.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        resampler = av.AudioResampler(stream.format.name, layout, rate, stream.frame_size or 1_024)
        samples = np.zeros((1, rate // 10 * len(av.AudioLayout(layout).channels)), np.int16)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout)
        frame.sample_rate = rate
        for resampled in (*resampler.resample(frame), *resampler.resample(None)):
            output.mux(stream.encode(resampled))
        output.mux(stream.encode(None))
    return file.getvalue()


def wav(channels: int, rate: int, content: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setnchannels(channels)
        recording.setsampwidth(2)
        recording.setframerate(rate)
        recording.writeframes(content)
    return file.getvalue()


def eight_channels(container: str, codec: str) -> bytes:
    return sound(container, codec, "7.1")


def m4a_with_samples(count: int = 80 * MEGA) -> bytes:
    """A fragment whose `trun` claims `count` samples, none of which takes a byte."""
    recording = bytearray(sound("mp4", "aac", movflags="frag_keyframe+empty_moov+default_base_moof"))
    at = recording.index(b"trun") + 4
    recording[at : at + 8] = struct.pack(">II", 1, count)  # flags: there is a data offset, nothing else
    return bytes(recording)


def m4a_with_times(count: int = 40 * MEGA) -> bytes:
    """A `ctts` of one entry that stands for `count` samples."""
    recording = sound("ipod", "aac")
    table = _full_box(b"ctts", struct.pack(">III", 1, count, 1))
    grown = bytearray(recording)
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        at = recording.index(name) - 4
        grown[at : at + 4] = struct.pack(">I", int.from_bytes(recording[at : at + 4]) + len(table))
    at = recording.index(b"stts") - 4
    return bytes(grown[:at]) + table + bytes(grown[at:])


def mp3_with_tags(count: int = 80_000) -> bytes:
    """ID3v2.4 with as many `TXXX` frames, all of different names."""
    frames = b"".join(
        b"TXXX" + bytes([0, 0, 0, 11]) + b"\0\0\3" + f"{number:08d}".encode() + b"\0v"
        for number in range(count)
    )
    size = len(frames)
    header = b"ID3\4\0\0" + bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127])
    return header + frames + sound("mp3", "libmp3lame")


def _comments(count: int) -> bytes:
    """A Vorbis comment header's content."""
    entries = b"".join(struct.pack("<I", 10) + f"{number:08d}=v".encode() for number in range(count))
    return struct.pack("<I", 0) + struct.pack("<I", count) + entries


def flac_with_comments(count: int = 80_000) -> bytes:
    recording = sound("flac", "flac")
    comments = _comments(count)
    block = b"\x04" + len(comments).to_bytes(3) + comments
    return recording[:42] + block + recording[42:]  # behind the stream information


def ogg_with_comments(count: int = 80_000) -> bytes:
    """The comments of Opus take many pages; their checksums are left zero and set afterwards."""
    recording = sound("ogg", "libopus")
    second = recording.index(b"OggS", 4)
    third = recording.index(b"OggS", second + 4)
    content = b"OpusTags" + _comments(count)
    serial = recording[14:18]
    pages, sequence = [], 1
    for start in range(0, len(content), 255 * 255):
        part = content[start : start + 255 * 255]
        is_last = start + len(part) >= len(content)
        segments = b"\xff" * (len(part) // 255) + (bytes([len(part) % 255]) if is_last else b"")
        header = b"OggS\0" + bytes([start > 0]) + bytes(8) + serial + struct.pack("<II", sequence, 0)
        page = header + bytes([len(segments)]) + segments + part
        pages.append(page[:22] + struct.pack("<I", ogg_checksum(page)) + page[26:])
        sequence += 1
    return recording[:second] + b"".join(pages) + recording[third:]


def ogg_checksum(page: bytes) -> int:
    """CRC-32 with the polynomial 0x04c11db7, neither reflected nor inverted (RFC 3533)."""
    checksum = 0
    for byte in page:
        checksum = (checksum << 8 & 0xFFFFFFFF) ^ _OGG_TABLE[checksum >> 24 ^ byte]
    return checksum


def _ogg_table() -> list[int]:
    table = []
    for number in range(256):
        value = number << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 if value >> 31 else value << 1) & 0xFFFFFFFF
        table.append(value)
    return table


_OGG_TABLE: Final = _ogg_table()


def webm_with_tags(count: int = 200_000) -> bytes:
    """Simple tags of different names, in front of the sound."""
    recording = sound("webm", "libopus")
    tags = b"".join(
        _element(b"\x67\xc8", _element(b"\x45\xa3", f"{number:08d}".encode()) + _element(b"\x44\x87", b"v"))
        for number in range(count)
    )
    at = recording.index(b"\x15\x49\xa9\x66")  # the segment's information
    everything = _element(b"\x12\x54\xc3\x67", _element(b"\x73\x73", tags))
    segment = recording.index(b"\x18\x53\x80\x67")
    unknown = recording[:segment] + b"\x18\x53\x80\x67\x01" + b"\xff" * 7  # a segment of unknown size
    return unknown + everything + recording[at:]


def _element(name: bytes, content: bytes) -> bytes:
    return name + (len(content) | 1 << 56).to_bytes(8) + content


def wav_of_eight_fast_channels() -> bytes:
    return wav(8, 384_000, bytes(LIMIT_BYTES - 44))


def opus_of_five_minutes() -> bytes:
    return encoded_sound_of(299, "ogg", "libopus")


def encoded_sound_of(seconds: int, container: str, codec: str, rate: int = 48_000) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(1).integers(-9_000, 9_000, (1, rate), np.int16)
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        for second in range(seconds):
            frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="mono")
            frame.sample_rate = rate
            frame.pts = second * rate
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


HOSTILE_IMAGES: Final[dict[str, Callable[[], bytes]]] = {
    "png: 12 megapixels of 1 bit": lambda: png(4_000, 3_000),
    "png: 50 megapixels of 64 bits": lambda: png(7_000, 7_000, 16, 6),
    "png: a million chunks": png_of_many_chunks,
    "png: 900 texts of 1 MB": png_with_text_bombs,
    "jpeg: EXIF segments": jpeg_of_exif_segments,
    "jpeg: fill bytes": jpeg_of_fill_bytes,
    "jpeg: comments": jpeg_of_comments,
    "jpeg: 49 megapixels, progressive": jpeg_progressive,
    "jpeg: 100 scans of 36 megapixels": jpeg_of_scans,
    "gif: comments": gif_of_comments,
    "gif: 50 megapixels": gif_of_fifty_megapixels,
    "webp: large canvas": webp_with_large_canvas,
    "webp: 17 megapixels": webp_of_seventeen_megapixels,
    "avif: 20 megapixels": avif_of_twenty_megapixels,
    "bmp: run lengths of 50M x 1": bmp_of_run_lengths,
    "bmp: run lengths of 2,000 x 2,000": lambda: bmp_of_run_lengths(2_000, 2_000),
    "heic: 36 megapixels as 64 x 64": heic_larger_than_declared,
    "heic: 31 x 32 tiles of 4 megapixels": heic_grid,
    "heic: 36 megapixels": lambda: heic_flat(6_000, 6_000),
}
HOSTILE_RECORDINGS: Final[dict[str, Callable[[], bytes]]] = {
    "wav: 8 channels": lambda: wav(8, 48_000, bytes(16_000)),
    "opus: 8 channels": lambda: eight_channels("ogg", "libopus"),
    "flac: 8 channels": lambda: eight_channels("flac", "flac"),
    "aac: 8 channels": lambda: eight_channels("adts", "aac"),
    "m4a: 80 million samples": m4a_with_samples,
    "m4a: 40 million times": m4a_with_times,
    "mp3: 80,000 tags": mp3_with_tags,
    "flac: 80,000 comments": flac_with_comments,
    "ogg: 80,000 comments": ogg_with_comments,
    "webm: 200,000 tags": webm_with_tags,
    "wav: 8 channels of 384 kHz": wav_of_eight_fast_channels,
    "opus: 5 minutes of noise": opus_of_five_minutes,
}
