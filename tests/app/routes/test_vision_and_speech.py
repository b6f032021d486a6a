"""`POST /vision` and `POST /speech`: forms and files."""

import base64

import pytest

from app.schemas.vision import VisionRequest
from testbed.noises import as_wav, at_level, make_noise

from ..conftest import StartGateway
from ..gateway import Gateway
from ..shared_gateway import _leaves_no_task_running, _leaves_nothing_running, gateway, gateway_of_module
from ..spoken import wav

__all__ = ["_leaves_no_task_running", "_leaves_nothing_running", "gateway", "gateway_of_module"]
from .test_chat import jpeg

pytestmark = pytest.mark.anyio


def image_file(width: int, height: int) -> tuple[str, bytes, str]:
    return ("photo.jpg", base64.b64decode(jpeg(width, height)), "image/jpeg")


async def test_photo_in_a_form_reaches_the_model(gateway: Gateway) -> None:
    response = await gateway.call(
        "POST", "/vision", files={"image": image_file(30, 40)}, data={"prompt": "what?", "max_tokens": "50"}
    )
    assert response.status_code == 200
    assert response.json()["content"] == "chat user: image(30x40) what?"


async def test_photos_as_json_reach_the_model(gateway: Gateway) -> None:
    response = await gateway.call(
        "POST", "/vision", json={"prompt": "what?", "images": [jpeg(3, 4), jpeg(5, 6)]}
    )
    assert response.json()["content"] == "chat user: image(3x4) image(5x6) what?"


async def test_form_may_ask_for_a_stream(gateway: Gateway) -> None:
    events = await gateway.events(
        "/vision", files={"image": image_file(3, 4)}, data={"prompt": "what?", "stream": "true"}
    )
    assert "".join(event.data["text"] for event in events[:-1]) == "chat user: image(3x4) what?"


async def test_recording_is_transcribed_and_answered(gateway: Gateway) -> None:
    response = await gateway.call("POST", "/speech", files={"audio": ("v.wav", wav(2), "audio/wav")})
    assert response.status_code == 200
    assert response.json()["transcript"] == "transcribe user: audio(2.0s)"
    assert response.json()["content"] == "chat user: audio(2.0s)"
    assert response.json()["usage"]["prompt_tokens"] == 102, "both generations are counted"


async def test_recording_may_come_with_a_prompt_and_a_photo(gateway: Gateway) -> None:
    files = {"audio": ("v.wav", wav(1), "audio/wav"), "image": image_file(3, 4)}
    response = await gateway.call("POST", "/speech", files=files, data={"prompt": "do it"})
    assert response.json()["content"] == "chat user: image(3x4) audio(1.0s) do it"


async def test_speech_stream_begins_with_the_transcript(gateway: Gateway) -> None:
    files = {"audio": ("v.wav", wav(1), "audio/wav")}
    events = await gateway.events("/speech", files=files, data={"stream": "true"})
    assert [event.name for event in events] == ["transcript", "delta", "delta", "delta", "done"]
    assert events[0].data == {"transcript": "transcribe user: audio(1.0s)"}
    assert [event.number for event in events] == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("noise", ["zeros", "last bit", "hum of 50 Hz", "white", "melody", "clicks"])
async def test_without_speech_the_model_is_not_asked(gateway: Gateway, noise: str) -> None:
    recording = ("v.wav", as_wav(at_level(make_noise(noise, 1.5, 44_100), -20), 44_100), "audio/wav")
    files = {"audio": recording, "image": image_file(3, 4)}
    response = await gateway.call("POST", "/speech", files=files, data={"prompt": "do it"})
    body = response.json()
    assert response.status_code == 200
    assert (body["transcript"], body["content"], body["finish_reason"]) == ("", "", "no_speech")
    assert body["usage"] == {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    transcript, done = await gateway.events("/speech", files=files, data={"stream": "true"})
    assert (transcript.name, transcript.data) == ("transcript", {"transcript": ""})
    assert (done.name, done.data["finish_reason"]) == ("done", "no_speech")


async def test_ten_milliseconds_are_not_speech(gateway: Gateway) -> None:
    files = {"audio": ("v.wav", wav(0.01), "audio/wav")}
    assert (await gateway.call("POST", "/speech", files=files)).json()["finish_reason"] == "no_speech"


async def test_empty_transcript_is_no_speech(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(scripted={"reply": " "})
    files = {"audio": ("v.wav", wav(1), "audio/wav")}
    body = (await gateway.call("POST", "/speech", files=files)).json()
    assert (body["transcript"], body["finish_reason"]) == ("", "no_speech")


async def test_speech_that_makes_the_model_loop_leads_to_no_action(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(scripted={"reply": "set an alarm for " * 100})
    files = {"audio": ("v.wav", wav(3), "audio/wav")}
    body = (await gateway.call("POST", "/speech", files=files)).json()
    assert (body["transcript"], body["content"]) == ("set an alarm for", "")
    assert body["finish_reason"] == "not_understood"
    transcript, done = await gateway.events("/speech", files=files, data={"stream": "true"})
    assert transcript.data == {"transcript": "set an alarm for"}
    assert (done.name, done.data["finish_reason"]) == ("done", "not_understood")


async def test_long_speech_is_read_by_the_model(gateway: Gateway) -> None:
    files = {"audio": ("v.wav", wav(40), "audio/wav")}
    body = (await gateway.call("POST", "/speech", files=files)).json()
    assert body["transcript"].startswith("transcribe user: audio(")
    assert body["content"] == f"chat user: {body['transcript']}"


@pytest.mark.parametrize(
    ("files", "data", "status", "code"),
    [
        ([], {"prompt": "what?"}, 422, "invalid_request"),
        ([("image", image_file(3, 4))], {}, 422, "invalid_request"),
        ([("image", image_file(3, 4))], {"prompt": "x", "colour": "red"}, 422, "invalid_request"),
        ([("picture", image_file(3, 4))], {"prompt": "x"}, 422, "invalid_request"),
        ([("image", image_file(3, 4))], {"prompt": "x", "max_tokens": "many"}, 422, "invalid_request"),
        ([("image", image_file(3, 4))] * 11, {"prompt": "x"}, 422, "too_many_images"),
        ([("image", ("a.jpg", b"not an image", "image/jpeg"))], {"prompt": "x"}, 422, "invalid_image"),
        ([("image", ("a.jpg", b"", "image/jpeg"))], {"prompt": "x"}, 422, "invalid_image"),
    ],
)
async def test_wrong_vision_forms_are_refused(
    gateway: Gateway, files: list[object], data: dict[str, str], status: int, code: str
) -> None:
    # httpx sends a form without files as urlencoded; a filename makes it multipart.
    parts = files or [("prompt", (None, "what?"))]
    response = await gateway.call("POST", "/vision", files=parts, data=data if files else None)
    assert (response.status_code, response.json()["code"]) == (status, code)


@pytest.mark.parametrize("recording", [b"", b"no recording", wav(0)], ids=["empty", "text", "no samples"])
async def test_wrong_recordings_are_refused(gateway: Gateway, recording: bytes) -> None:
    response = await gateway.call("POST", "/speech", files={"audio": ("v.wav", recording, "audio/wav")})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_audio")


async def test_form_that_was_cut_off_is_refused(gateway: Gateway) -> None:
    whole = gateway.client.build_request(
        "POST", "/vision", files={"image": image_file(30, 40)}, data={"prompt": "what?"}
    )
    headers = {"Content-Type": whole.headers["content-type"]}
    for cut in (1, 10, 300):
        response = await gateway.call("POST", "/vision", content=whole.read()[:-4][:-cut], headers=headers)
        assert (response.status_code, response.json()["code"]) == (400, "invalid_multipart")


async def test_null_counts_as_absent(gateway: Gateway) -> None:
    optional = dict.fromkeys(set(VisionRequest.model_fields) - {"prompt", "images"})
    body = {"prompt": "what?", "images": [jpeg(3, 4)], **optional}
    assert (await gateway.call("POST", "/vision", json=body)).status_code == 200
    response = await gateway.call(
        "POST",
        "/speech",
        files={"audio": ("voice.wav", wav(1), "audio/wav")},
        data={"seed": "null", "max_tokens": "null"},
    )
    assert response.status_code == 200


async def test_numbers_and_booleans_of_a_form_are_read_as_such(gateway: Gateway) -> None:
    fields = {"seed": "7", "max_tokens": "2", "temperature": "0.5", "top_k": "1", "return_reasoning": "true"}
    files = {"image": image_file(3, 4)}
    response = await gateway.call("POST", "/vision", files=files, data={"prompt": "12", **fields})
    assert response.status_code == 200
    assert response.json()["usage"]["completion_tokens"] == 2
    for name, value in {"seed": "x", "max_tokens": "1.5", "stream": "yes", "top_k": '"1"'}.items():
        response = await gateway.call("POST", "/vision", files=files, data={"prompt": "12", name: value})
        assert (response.status_code, response.json()["errors"][0]["field"]) == (422, name)


@pytest.mark.parametrize("names", [["image[]"], ["image[]", "image[]"], ["image", "image[]"]], ids=str)
async def test_file_fields_may_be_named_as_repeated(gateway: Gateway, names: list[str]) -> None:
    files = [(name, image_file(3, 4)) for name in names]
    response = await gateway.call("POST", "/vision", files=files, data={"prompt": "what?"})
    assert response.status_code == 200
    assert response.json()["content"].count("image(3x4)") == len(names)


async def test_other_name_with_brackets_is_still_unknown(gateway: Gateway) -> None:
    response = await gateway.call(
        "POST", "/vision", files={"photo[]": image_file(3, 4)}, data={"prompt": "a"}
    )
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


async def test_empty_file_is_named_as_such(gateway: Gateway) -> None:
    empty = ("empty.jpg", b"", "image/jpeg")
    vision = await gateway.call("POST", "/vision", files={"image": empty}, data={"prompt": "a"})
    speech = await gateway.call("POST", "/speech", files={"audio": empty})
    assert [(response.json()["code"], response.json()["detail"]) for response in (vision, speech)] == [
        ("invalid_image", "The file is empty."),
        ("invalid_audio", "The file is empty."),
    ]


@pytest.mark.parametrize("prefix", ["DATA:IMAGE/JPEG;BASE64,", "data:image/jpeg;base64,", ""])
async def test_base64_may_be_for_urls_and_its_data_uri_in_capitals(gateway: Gateway, prefix: str) -> None:
    content = (
        base64.b64decode(jpeg(30, 40)) + b"\xfb\xff\xbf" * 200
    )  # after the picture, as phones append data
    text = base64.urlsafe_b64encode(content).decode().rstrip("=")
    assert {"-", "_"} <= set(text)
    body = {"prompt": "what?", "images": [prefix + text]}
    response = await gateway.call("POST", "/vision", json=body)
    assert response.json().get("content") == "chat user: image(30x40) what?", response.text
    large = base64.urlsafe_b64encode(content + bytes(300_000)).decode()  # decoded while it arrives
    response = await gateway.call("POST", "/vision", json=body | {"images": [prefix + large]})
    assert response.json().get("content") == "chat user: image(30x40) what?", response.text
