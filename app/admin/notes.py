"""Notes that operators attach to accounts and tokens, over HTTP and on the command line."""

from typing import Final

from app.clean_text import refuse_unstorable
from app.errors import InvalidRequest
from app.persistence.tables import NOTE_LENGTH
from app.sentence import Sentence

_TOO_LONG: Final = Sentence("A note must not have more than {count} characters.", count=NOTE_LENGTH)


def check_note(note: str) -> None:
    """Raises `InvalidRequest` for a note that cannot be stored."""
    if len(note) > NOTE_LENGTH:
        raise InvalidRequest(_TOO_LONG, param="note")
    try:
        refuse_unstorable(note)
    except ValueError as error:
        raise InvalidRequest(
            Sentence("A note {reason}.", reason=Sentence(str(error))), param="note"
        ) from None
