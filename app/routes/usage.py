"""What callers can read about themselves: what they used, and what they may send."""

import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from app.http.dependencies import AccountChangesDep, DatabaseDep, ModelCardDep, PrincipalDep, SettingsDep
from app.http.guard import guarded
from app.media.sniff import AUDIO_FORMATS, IMAGE_FORMATS
from app.persistence.usage import UsagePeriod, usage_by_day
from app.schemas.generation import MAX_MESSAGES, MAX_PROMPT_CHARACTERS
from app.schemas.problems import problem_responses
from app.schemas.usage import (
    AudioLimits,
    ImageLimits,
    LimitsResponse,
    UsageOfDay,
    UsageResponse,
    UsageTotals,
)

MAX_DAYS = 366

router = APIRouter(tags=["me"], route_class=guarded("any"))


@router.get(
    "/me/usage",
    operation_id="get_my_usage",
    summary="Your own use, per day",
    responses=problem_responses(401, 405, 422, 429, 503),
)
async def my_usage(
    principal: PrincipalDep,
    database: DatabaseDep,
    days: Annotated[int, Query(ge=1, le=MAX_DAYS, description="today and so many days less one before")] = 30,
) -> UsageResponse:
    """Generations and their tokens by UTC day. The last second may still be missing."""
    today = datetime.datetime.now(datetime.UTC).date()
    since = today - datetime.timedelta(days=days - 1)
    async with database.session(read_only=True) as db_session:
        rows = await usage_by_day(
            db_session, UsagePeriod(since, today), limit=days, user_id=principal.user_id
        )
    of_days = [
        UsageOfDay(
            day=row.day,
            requests=row.requests,
            prompt_tokens=row.prompt_tokens,
            completion_tokens=row.completion_tokens,
        )
        for row in rows
    ]
    total = UsageTotals(
        requests=sum(day.requests for day in of_days),
        prompt_tokens=sum(day.prompt_tokens for day in of_days),
        completion_tokens=sum(day.completion_tokens for day in of_days),
    )
    return UsageResponse(days=of_days, total=total)


@router.get(
    "/limits",
    operation_id="get_limits",
    summary="What you may send, and how often",
    responses=problem_responses(401, 405, 429),
)
async def limits(
    principal: PrincipalDep,
    settings: SettingsDep,
    account_changes: AccountChangesDep,
    model_card: ModelCardDep,
) -> LimitsResponse:
    """The caller's own rates, and the sizes, counts and formats that every caller keeps to."""
    rates = settings.limits.of_users.with_own(account_changes.own_limits_of(principal.user_id))
    rates = rates.with_token_rate(principal.token_id, principal.requests_per_minute)
    return LimitsResponse(
        requests_per_minute=rates.requests_per_minute,
        concurrent_requests=rates.concurrent_requests,
        daily_tokens=rates.daily_tokens,
        request_timeout_seconds=settings.request_timeout_seconds,
        context_length=model_card.context_length,
        modalities=sorted(model_card.modalities),
        max_json_bytes=settings.media.max_json_bytes,
        max_media_bytes=settings.media.max_media_bytes,
        max_messages=MAX_MESSAGES,
        max_prompt_characters=MAX_PROMPT_CHARACTERS,
        images=ImageLimits(
            max_count=settings.media.max_images,
            max_pixels=settings.media.max_image_pixels,
            max_total_pixels=settings.media.max_request_pixels,
            formats=sorted(IMAGE_FORMATS),
        ),
        audio=AudioLimits(max_seconds=settings.media.max_audio_seconds, formats=sorted(AUDIO_FORMATS)),
    )
