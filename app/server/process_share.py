"""What one of several processes may take of what the settings grant the whole gateway."""

from app.settings import Settings


def share_of_process(settings: Settings) -> Settings:
    """Divides what protects engines and processors. Memory and disk stay whole: the largest request of all
    must fit into those of each process."""
    count = settings.processes
    if count == 1:
        return settings

    def share(whole: int) -> int:
        return -(-whole // count)

    limits, remote, media = settings.limits, settings.remote, settings.media
    return settings.model_copy(
        update={
            "limits": limits.model_copy(update={"max_in_flight": share(limits.max_in_flight)}),
            "remote": remote.model_copy(update={"max_outstanding": share(remote.max_outstanding)}),
            "media": media.model_copy(
                update={
                    "decoding_processes": share(media.decoding_processes),
                    "max_waiting_files": share(media.max_waiting_files),
                }
            ),
        }
    )
