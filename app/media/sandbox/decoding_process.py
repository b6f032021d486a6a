"""What runs in a decoding process: one job, then the end. Has only a socket, the file and the result."""

import gc
import os
import socket
from typing import Final, NoReturn

from PIL import Image as PillowImage
from PIL import PpmImagePlugin  # noqa: F401 - registers the format in which pixels are written

from app.errors import GatewayError, ImageTooLarge, InvalidAudio, InvalidImage
from app.media.codecs.audio import decode_audio
from app.media.codecs.base64_text import decode_base64
from app.media.codecs.image import decode_image
from app.media.sandbox.confinement import Confinement
from app.media.sandbox.messages import EMPTY_FILE, REFUSALS, SIZE, Job, Kind, Reply, Status
from app.media.sandbox.shared_memory import write_all

_WARM_BYTES: Final = 8 * 1_048_576
_SAMPLE_PIXELS: Final = 64


def run(gateway: socket.socket, confinement: Confinement, sample: bytes) -> NoReturn:
    """Confines this process, waits for its job, does it and ends. It warms up with `sample`, a small JPEG."""
    try:
        gc.disable()  # it would only write to pages that are shared with the fork server
        posture = confinement.enter()
        _warm_up(sample)
        gateway.sendall(Reply(Status.READY, posture.to_bits()).pack())
        data, descriptors, _, _ = socket.recv_fds(gateway, Job.FORMAT.size, 2)
        if len(descriptors) == 2 and len(data) == Job.FORMAT.size:
            gateway.sendall(Reply(Status.BEGUN).pack())
            gateway.sendall(_reply(gateway, Job.unpack(data), *descriptors).pack())
    finally:
        os._exit(0)


def _reply(gateway: socket.socket, job: Job, file: int, result: int) -> Reply:
    try:
        data = _read(file, job.file_bytes)
        if job.is_base64:
            data = decode_base64(data, job.max_file_bytes)
        if not data:
            raise InvalidImage(EMPTY_FILE) if job.kind == Kind.IMAGE else InvalidAudio(EMPTY_FILE)
        if job.kind == Kind.IMAGE:
            return _decode_image(gateway, data, job.bound, result)
        samples = decode_audio(data, job.bound)
        write_all(result, memoryview(samples).cast("B"))
        return Reply(Status.DONE, len(samples))
    except GatewayError as error:
        return _refusal(error)
    except MemoryError:
        return _refusal(ImageTooLarge() if job.kind == Kind.IMAGE else InvalidAudio())
    except Exception:  # the boundary of the process: no text of an error leaves it
        return _refusal(InvalidImage() if job.kind == Kind.IMAGE else InvalidAudio())


def _decode_image(gateway: socket.socket, data: bytes, max_pixels: int, result: int) -> Reply:
    def ask_size(height: int, width: int) -> tuple[int, int]:
        gateway.sendall(Reply(Status.ASK_SIZE, height, width).pack())
        reply = gateway.recv(SIZE.size, socket.MSG_WAITALL)
        if len(reply) < SIZE.size:
            os._exit(0)  # the request has ended
        wanted_height, wanted_width = SIZE.unpack(reply)
        return wanted_height, wanted_width

    picture = decode_image(data, max_pixels, ask_size)
    write_pixels(picture, result)
    return Reply(Status.DONE, picture.height, picture.width)


def _refusal(error: GatewayError) -> Reply:
    for index, (kind, detail) in enumerate(REFUSALS):
        if type(error) is kind and (detail is None or detail == error.detail):
            return Reply(Status.REFUSED, index)
    raise AssertionError("a refusal that the gateway does not know") from error


def write_pixels(picture: PillowImage.Image, result: int) -> None:
    """Writes a picture of mode RGB as PPM: Pillow then writes its pixels without a copy of them."""
    with os.fdopen(result, "wb", closefd=False) as file:
        picture.save(file, "PPM")


def _warm_up(sample: bytes) -> None:
    """Touches the memory that decoding a photo needs, before a request waits for it.

    A page that is new or shared with the fork server takes the kernel microseconds at its first use; glibc
    keeps what is freed here, as `processes.py` sets it up.
    """
    bytes(b"\1" * _WARM_BYTES)
    decode_image(sample, _SAMPLE_PIXELS, lambda height, width: (height, width))


def _read(file: int, size: int) -> bytes:
    chunks = []
    at = 0
    while at < size and (chunk := os.pread(file, size - at, at)):
        chunks.append(chunk)
        at += len(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
