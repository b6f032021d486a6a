"""Makes the sample files beside it, as a phone would send them.

    .venv/bin/python -m pip install -e '.[inference,training]'
    .venv/bin/python -m samples.make_samples

The pictures are drawn and the voice is eSpeak NG's, so nobody else has rights in them.
"""

from pathlib import Path

import av
import numpy as np
import pillow_heif
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from training.speech.espeak import SAMPLE_RATE, Manner, speak

HERE = Path(__file__).parent
UPRIGHT_SIZE = (1200, 1600)  # width, height in pixels
SENSOR_TURNED = 6  # EXIF: turn by 90 degrees clockwise to see it upright
SCREEN_SIZE = (1080, 2400)
VOICE_TEXT = "set an alarm for seven thirty"
VOICE_SECONDS = 3.0
VOICE_START_SECONDS = 0.25
VOICE_RATES = {"voice.m4a": 44_100, "voice.ogg": 48_000}  # Hz


def draw_landscape() -> Image.Image:
    """A red sun over the sea, with a sail."""
    width, height = UPRIGHT_SIZE
    rows = np.linspace(0.0, 1.0, height)[:, None, None]
    top, horizon = np.array([60, 110, 190]), np.array([250, 190, 120])
    sky = top + (horizon - top) * np.minimum(rows / 0.6, 1.0)
    picture = Image.fromarray(np.broadcast_to(sky, (height, width, 3)).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((420, 560, 780, 920), fill=(225, 60, 40))
    draw.rectangle((0, 960, width, height), fill=(25, 75, 115))
    for y in range(980, height, 26):
        draw.line((0, y, width, y), fill=(40, 95, 135), width=5)
        draw.line((600 - (y - 900) // 4, y, 600 + (y - 900) // 4, y), fill=(220, 120, 90), width=7)
    draw.polygon([(840, 1150), (840, 800), (1020, 1150)], fill=(250, 248, 240))
    draw.polygon([(780, 1170), (1060, 1170), (1000, 1230), (830, 1230)], fill=(110, 60, 30))
    grain = np.random.default_rng(1).normal(0, 3, (height, width, 1))
    pixels = np.asarray(picture.filter(ImageFilter.GaussianBlur(1.5))) + grain
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def camera_exif() -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "Example"  # make
    exif[0x0110] = "Example Phone"  # model
    exif[0x0112] = SENSOR_TURNED
    exif[0x0132] = "2025:06:21 21:04:00"
    return exif.tobytes()


def make_photos() -> None:
    as_the_sensor_sees_it = draw_landscape().transpose(Image.Transpose.ROTATE_90)
    as_the_sensor_sees_it.save(HERE / "photo.jpg", quality=72, exif=camera_exif())
    heif = pillow_heif.from_pillow(as_the_sensor_sees_it)
    heif.save(HERE / "photo.heic", quality=45, exif=camera_exif())


def make_screenshot() -> None:
    """A phone's settings, with a switch that is off."""
    screen = Image.new("RGB", SCREEN_SIZE, (244, 244, 248))
    draw = ImageDraw.Draw(screen)
    draw.text((60, 40), "21:04", fill="black", font=ImageFont.load_default(44))
    draw.text((60, 180), "Settings", fill="black", font=ImageFont.load_default(96))
    for index, name in enumerate(["Wi-Fi", "Bluetooth", "Aeroplane mode", "Notifications", "Sound"]):
        top = 380 + index * 190
        draw.rounded_rectangle((40, top, 1040, top + 160), 36, fill="white")
        draw.text((90, top + 48), name, fill="black", font=ImageFont.load_default(56))
        is_on = name != "Bluetooth"
        draw.rounded_rectangle(
            (860, top + 44, 990, top + 116), 36, fill=(52, 199, 89) if is_on else (200, 200, 205)
        )
        knob = 922 if is_on else 864
        draw.ellipse((knob, top + 48, knob + 64, top + 112), fill="white")
    screen.save(HERE / "screenshot.png", optimize=True)


def make_voices() -> None:
    spoken = av.AudioFrame.from_ndarray(
        speak(VOICE_TEXT, "en-us", Manner(rate=150), seed=1)[None], "flt", "mono"
    )
    spoken.sample_rate = SAMPLE_RATE
    for name, rate in VOICE_RATES.items():
        encoder = "aac" if name.endswith("m4a") else "libopus"
        resampler = av.AudioResampler("fltp", "mono", rate)
        frames = [*resampler.resample(spoken), *resampler.resample(None)]
        samples = np.concatenate([frame.to_ndarray()[0] for frame in frames])
        voice = np.zeros(int(VOICE_SECONDS * rate), np.float32)
        start = int(VOICE_START_SECONDS * rate)
        voice[start : start + len(samples)] = samples[: len(voice) - start]
        with av.open(HERE / name, "w") as target:
            stream = target.add_stream(encoder, rate=rate, layout="mono", bit_rate=32_000)
            frame = av.AudioFrame.from_ndarray(voice[None], "fltp", "mono")
            frame.sample_rate = rate
            target.mux(stream.encode(frame))
            target.mux(stream.encode(None))


if __name__ == "__main__":
    make_photos()
    make_screenshot()
    make_voices()
