"""What can be checked before anything heavy starts: the data directory and the address."""

import errno
import os
import socket
import tempfile
from pathlib import Path

from app.cli.command_failed import CommandFailed


def check_data_directory(path: Path) -> None:
    """Creates it if necessary, for its owner only. Raises `CommandFailed`."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise CommandFailed(
            f"The data directory {path.absolute()} cannot be written ({os.strerror(error.errno or 0)}); "
            "make it writable, or set GATEWAY_DATA_DIR to another."
        ) from None


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address, not yet listening. Raises `CommandFailed`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CommandFailed(explain_os_error(error, host, port)) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise CommandFailed(explain_os_error(error, host, port)) from None
    return listener


def explain_os_error(error: OSError, host: str, port: int) -> str:
    if isinstance(error, socket.gaierror):
        return f"{host} is not an address; give --host one of this machine's, such as 127.0.0.1."
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} on {host} is taken; stop what uses it, or choose another with --port."
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine; give --host one that is."
        case errno.EACCES if port and port < 1024 and error.filename is None:
            return f"Only root may listen on port {port}; choose one from 1024 on with --port."
        case _:
            return f"{error.filename or 'A file'} cannot be used: {error.strerror or error}."
