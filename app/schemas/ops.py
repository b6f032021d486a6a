"""Bodies of the page at /ops. Its routes are its own and no part of the API's document."""

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.auth.sign_in_link import MAX_SECRET_CHARACTERS
from app.user_limits import UserLimits

MAX_COOKIE_CHARACTERS = 3800  # browsers drop cookies of more than 4096 with name and attributes


class SignInRequest(BaseModel):
    """Exactly one of the two."""

    model_config = ConfigDict(extra="forbid", strict=True)

    link: str = Field("", pattern=r"^[0-9]{1,12}\.[A-Za-z0-9_-]+$", max_length=MAX_SECRET_CHARACTERS)
    access_token: str = Field("", min_length=1, max_length=MAX_COOKIE_CHARACTERS)

    @model_validator(mode="after")
    def _exactly_one(self) -> "SignInRequest":
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
