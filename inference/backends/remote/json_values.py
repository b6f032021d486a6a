"""Values of JSON that an engine sent, each of which may be of any type."""


def text_of(value: object) -> str:
    """An empty text for everything else."""
    return value if isinstance(value, str) else ""
