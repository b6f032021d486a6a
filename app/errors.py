"""Every error that a client can get, by meaning. Raised anywhere under `app`, rendered in one place.

`app/http/error_handlers.py` renders them as RFC 9457 problem documents or, on `/v1`, in OpenAI's shape.
Sentences are constant or contain the service's own numbers: never a secret, a prompt, a path or the error
text of a library. The caller can correct a 4xx; the operator must look at a 5xx.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from app.sentence import Sentence


class GatewayError(Exception):
    """Base. Subclasses set `status_code`, a stable `code`, and a default sentence as `detail`."""

    status_code: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    detail: str = "The gateway failed to handle the request. Try again; tell the operator if it persists."

    def __init__(
        self,
        detail: str | None = None,
        *,
        param: str | None = None,
        retry_after_seconds: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or type(self).detail)
        self.detail = detail or type(self).detail
        self.param = param
        self.retry_after_seconds = retry_after_seconds
        self.headers = dict(headers or {})


# The request itself


class InvalidRequest(GatewayError):
    status_code = 422
    code = "invalid_request"
    detail = "The request is not valid."


class TokensAboveQuota(InvalidRequest):
    """More than the user has on a whole day, so that waiting does not help."""

    detail = "The request may use more tokens than the daily token quota. Lower max_tokens."


class UnsupportedParameter(GatewayError):
    """Under `/v1`: what would change the response if it were honoured is not ignored."""

    status_code = 400
    code = "unsupported_parameter"
    detail = "This gateway does not support a parameter of the request. Leave it out."


class InvalidOutputFormat(GatewayError):
    status_code = 400
    code = "invalid_output_format"
    detail = "The tools or the format of the output cannot be used. Simplify them."


class InvalidTokenRequest(InvalidRequest):
    """On the token routes: OAuth clients expect 400."""

    status_code = 400
    detail = "The request to /auth/token or /auth/revoke is not valid."


class UnsupportedGrantType(GatewayError):
    status_code = 400
    code = "unsupported_grant_type"
    detail = "The grant_type must be refresh_token."


class InvalidJSON(GatewayError):
    status_code = 400
    code = "invalid_json"
    detail = "The body is not valid JSON (UTF-8, no NaN or Infinity, at most 64 levels deep)."


class InvalidMultipart(GatewayError):
    status_code = 400
    code = "invalid_multipart"
    detail = "The multipart body is malformed or was cut off."


class UnsupportedContentType(GatewayError):
    status_code = 415
    code = "unsupported_content_type"
    detail = "This route does not accept that content type."


class UnsupportedContentEncoding(GatewayError):
    status_code = 415
    code = "unsupported_content_encoding"
    detail = "Bodies are not decompressed. Send the body as it is, without Content-Encoding."

    def __init__(self) -> None:
        super().__init__(headers={"Accept-Encoding": "identity"})  # RFC 9110, section 12.5.3


class BodyTooLarge(GatewayError):
    status_code = 413
    code = "body_too_large"
    detail = "The body is larger than this route allows; see GET /limits."


class RequestBodyTimeout(GatewayError):
    status_code = 408
    code = "request_body_timeout"
    detail = "The body did not arrive in time."


class NotFound(GatewayError):
    status_code = 404
    code = "not_found"
    detail = "There is nothing at this address."


class MethodNotAllowed(GatewayError):
    status_code = 405
    code = "method_not_allowed"
    detail = "This address does not support that method."


class Conflict(GatewayError):
    status_code = 409
    code = "conflict"
    detail = "It already exists."


class InvalidIdempotencyKey(GatewayError):
    status_code = 400
    code = "invalid_idempotency_key"
    detail = "Send one Idempotency-Key of 1 to 255 visible ASCII characters, such as a random UUID."


class IdempotencyKeyReused(GatewayError):
    status_code = 422
    code = "idempotency_key_reused"
    detail = "This Idempotency-Key was used for another request. Use a new one for each new request."


class IdempotencyKeyInUse(GatewayError):
    status_code = 409
    code = "idempotency_key_in_use"
    detail = "A request with this Idempotency-Key is running. Send it again after Retry-After seconds."


class ResponseNotStored(GatewayError):
    status_code = 409
    code = "response_not_stored"
    detail = "The request with this Idempotency-Key succeeded, and its response is not stored."


class ModelNotFound(GatewayError):
    status_code = 404
    code = "model_not_found"
    detail = "There is no model of that name; see GET /v1/models."

    @classmethod
    def among(cls, names: Sequence[str]) -> "ModelNotFound":
        """Lists the names that there are."""
        sentence = Sentence("There is no model of that name. Served here: {names}.", names=", ".join(names))
        return cls(sentence, param="model")


class ContextLengthExceeded(GatewayError):
    status_code = 400  # as OpenAI's clients expect, some of which then shorten the conversation
    code = "context_length_exceeded"
    detail = "The prompt and max_tokens do not fit in the model's context; shorten one of them."


class PromptRefused(GatewayError):
    status_code = 422
    code = "prompt_refused"
    detail = "The model's chat template does not accept these messages; check the order of their roles."


class ModalityNotSupported(GatewayError):
    status_code = 422
    code = "modality_not_supported"
    detail = "The loaded model does not support this kind of input."


# Media


class InvalidMedia(GatewayError):
    status_code = 422
    code = "invalid_media"
    detail = "The file cannot be decoded."


class InvalidImage(InvalidMedia):
    code = "invalid_image"
    detail = "The image cannot be decoded. Send JPEG, PNG, WebP, HEIC, GIF or BMP."


class ImageTooLarge(InvalidMedia):
    code = "image_too_large"
    detail = "The image has more pixels than allowed; see GET /limits."


class TooManyImages(InvalidMedia):
    code = "too_many_images"
    detail = "There are more images than allowed; see GET /limits."


class InvalidAudio(InvalidMedia):
    code = "invalid_audio"
    detail = "The recording cannot be decoded. Send m4a, mp3, ogg, opus, webm, amr, flac or wav."


class AudioTooLong(InvalidMedia):
    code = "audio_too_long"
    detail = "The recording is longer than allowed; see GET /limits."


class NoSpeech(InvalidMedia):
    """Of a recording inside a chat; the routes that transcribe respond with an empty transcript."""

    code = "no_speech"
    detail = "Nobody speaks in the recording."


# Authentication and authorization


class AuthenticationError(GatewayError):
    status_code = 401
    code = "unauthenticated"
    detail = "Send an access token: Authorization: Bearer <token>."

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": self.challenge})

    challenge: ClassVar[str] = 'Bearer realm="gateway"'


class InvalidToken(AuthenticationError):
    code = "invalid_token"
    detail = "The access token is not valid here. Get a new one."
    challenge = 'Bearer realm="gateway", error="invalid_token"'


class TokenExpired(InvalidToken):
    code = "token_expired"
    detail = "The access token has expired. Refresh it with POST /auth/token."


class TokenRevoked(InvalidToken):
    code = "token_revoked"
    detail = "The access token was revoked. Ask the operator for a new one."


class InvalidGrant(GatewayError):
    status_code = 400
    code = "invalid_grant"
    detail = "The refresh token is not valid. Sign in again."


class InvalidSignInLink(GatewayError):
    status_code = 403
    code = "invalid_sign_in_link"
    detail = "The link was used or has expired. `gateway ops link` makes a new one."


class CrossSiteRequest(GatewayError):
    status_code = 403
    code = "cross_site_request"
    detail = "Only the page at /ops may send this request."


class InsufficientScope(GatewayError):
    status_code = 403
    code = "insufficient_scope"
    detail = "The access token does not have the scope that this route requires."


# Limits


class LimitExceeded(GatewayError):
    """Has `Retry-After` and, for limits of users, the `RateLimit` headers."""

    status_code = 429
    code = "limit_exceeded"


class RateLimitExceeded(LimitExceeded):
    code = "rate_limit_exceeded"
    detail = "Too many requests in the last minute. Wait for Retry-After seconds."


class ConcurrencyLimitExceeded(LimitExceeded):
    code = "concurrency_limit_exceeded"
    detail = "Too many of your requests are running. Wait until one ends."


class DailyTokensExceeded(LimitExceeded):
    code = "daily_tokens_exceeded"
    detail = "The daily token quota is used up, or max_tokens is more than what remains of it."


# Recorded responses


class StreamNotFound(NotFound):
    """Also for those of other users."""

    code = "stream_not_found"
    detail = "There is no such response, or it is no longer kept. Send the request again."


class TooManyReaders(LimitExceeded):
    code = "too_many_readers"
    detail = "Too many of your connections read recorded responses. Close some, or wait until one has ended."


class StreamStopped(GatewayError):
    status_code = 409
    code = "stream_stopped"
    detail = "The response was stopped with DELETE /streams/{id}."


class StreamAbandoned(GatewayError):
    status_code = 410
    code = "stream_abandoned"
    detail = "The response was stopped because nobody was reading it. Send the request again."


class StreamTruncated(GatewayError):
    status_code = 410
    code = "stream_truncated"
    detail = (
        "The response is longer than what is kept of it, and its missing part is gone. Request fewer tokens."
    )


class StreamInterrupted(GatewayError):
    status_code = 503
    code = "stream_interrupted"
    detail = "The gateway that made this response has failed. Send the request again."


class StreamsUnavailable(GatewayError):
    status_code = 503
    code = "streams_unavailable"
    detail = "Responses of other gateways cannot be read now. Try again shortly."


# The service


class Overloaded(GatewayError):
    status_code = 503
    code = "overloaded"
    detail = "The service is at capacity. Wait for Retry-After seconds."


class StorageFull(GatewayError):
    status_code = 503
    code = "storage_full"
    detail = "The service has no space for more uploads now. Wait for Retry-After seconds."


class ServiceUnavailable(GatewayError):
    status_code = 503
    code = "service_unavailable"
    detail = "The model is unavailable now. Try again shortly."


class ShuttingDown(GatewayError):
    status_code = 503
    code = "shutting_down"
    detail = "The gateway shut down before this response was complete. Send the request again."


class LimiterUnavailable(GatewayError):
    status_code = 503
    code = "limiter_unavailable"
    detail = "Limits cannot be checked now. Try again shortly."


class DatabaseUnavailable(GatewayError):
    status_code = 503
    code = "database_unavailable"
    detail = "The account database is unavailable now. Try again shortly."


class DatabaseBusy(DatabaseUnavailable):
    code = "database_busy"
    detail = "Too many requests are waiting for the account database. Wait for Retry-After seconds."


class IdempotencyUnavailable(GatewayError):
    status_code = 503
    code = "idempotency_unavailable"
    detail = (
        "Whether this Idempotency-Key was used cannot be checked now. Wait for Retry-After seconds, or send "
        "the request without the key."
    )


class DeadlineExceeded(GatewayError):
    status_code = 504
    code = "deadline_exceeded"
    detail = "The response was not complete in time. Request fewer tokens, or stream it."


class GenerationError(GatewayError):
    status_code = 500
    code = "generation_failed"
    detail = "The model failed on this request. Try again; tell the operator if it persists."
