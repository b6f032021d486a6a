"""Notes that operators attach to accounts and tokens, over HTTP and on the command line."""

from app.clean_text import refuse_unstorable
from app.errors import InvalidRequest
from app.persistence.tables import NOTE_LENGTH


def check_note(note: str) -> None:
    """Raises `InvalidRequest` for a note that cannot be stored."""
    if len(note) > NOTE_LENGTH:
        raise InvalidRequest(f"A note must not have more than {NOTE_LENGTH} characters.", param="note")
    try:
        refuse_unstorable(note)
    except ValueError as error:
        raise InvalidRequest(f"A note {error}.", param="note") from None
