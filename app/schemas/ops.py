"""Requests and responses of the page at /ops, whose routes are not in the OpenAPI document."""

from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from app.auth.sign_in_link import MAX_SECRET_CHARACTERS
from app.schemas.absence import Omittable, RequestModel
from app.user_limits import UserLimits

MAX_COOKIE_CHARACTERS = 3800  # browsers drop cookies of more than 4096 with name and attributes


Link = Annotated[str, Field(pattern=r"^[0-9]{1,12}\.[A-Za-z0-9_-]+$", max_length=MAX_SECRET_CHARACTERS)]


class SignInRequest(RequestModel):
    """Exactly one of the two."""

    link: Omittable[Link] = None
    access_token: Omittable[Annotated[str, Field(min_length=1, max_length=MAX_COOKIE_CHARACTERS)]] = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("send exactly one of link and access_token")
        return self


class SessionResponse(BaseModel):
    """Who is signed in. Times are Unix seconds."""

    user_id: str
    scopes: list[str]
    expires_at: int
    default_lifetime_seconds: int
    max_lifetime_seconds: int
    defaults: UserLimits
