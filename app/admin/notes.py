"""What operators may write beside an account or a token, over HTTP and on the command line."""

from app.clean_text import refuse_unstorable
from app.errors import InvalidRequest
from app.persistence.tables import NOTE_LENGTH


def check_note(note: str) -> None:
    """Raises `InvalidRequest` for what the database cannot hold."""
    if len(note) > NOTE_LENGTH:
        raise InvalidRequest(f"A note has at most {NOTE_LENGTH} characters.", param="note")
    try:
        refuse_unstorable(note)
    except ValueError as error:
        raise InvalidRequest(f"A note {error}.", param="note") from None
