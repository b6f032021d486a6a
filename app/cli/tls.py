"""`gateway tls self-signed | pins`."""

from pathlib import Path
from typing import Annotated, Final

import typer

DEVELOPMENT_NAMES: Final = ("localhost", "127.0.0.1", "::1")
DEFAULT_DAYS: Final = 397
MAX_DAYS: Final = 825  # iOS believes no longer one, not even an installed one

commands = typer.Typer(no_args_is_help=True)


@commands.command()
def self_signed(
    names: Annotated[
        list[str] | None, typer.Option("--name", help="A host name or address; may be repeated.")
    ] = None,
    directory: Annotated[
        Path | None, typer.Option(help="Where to write; default: tls/ in the data directory.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=MAX_DAYS)] = DEFAULT_DAYS,
) -> None:
    """Make a certificate for development. A key that is there already is kept, and so is its pin."""
    from datetime import timedelta

    from app.cli import certificates
    from app.cli.command_failed import CommandFailed
    from app.cli.environment import load_settings

    data_dir = load_settings().data_dir
    where = directory or data_dir / "tls"
    certificate_path, key_path = where / "certificate.pem", where / "key.pem"
    try:
        for made_if_absent in (data_dir, where) if directory is None else (where,):
            made_if_absent.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = certificates.read_or_make_key(key_path)
        made = certificates.self_sign(names or DEVELOPMENT_NAMES, timedelta(days=days), key)
        certificates.write(made, certificate_path, key_path)
    except certificates.InvalidCertificate as error:
        raise CommandFailed(str(error)) from None
    except OSError as error:
        raise CommandFailed(f"{error.filename} cannot be used: {error.strerror}.") from None
    typer.echo(f"certificate  {certificate_path.absolute()}")
    typer.echo(f"key          {key_path.absolute()}")
    typer.echo(f"valid until  {made.certificate.not_valid_after_utc:%Y-%m-%d}")
    typer.echo(f"pin          sha256/{certificates.pin_of(made.certificate)}")


@commands.command()
def pins(certificate: Annotated[Path, typer.Argument(help="A PEM file: a certificate, or a chain.")]) -> None:
    """Print the public-key pin of each certificate in a file, for apps that pin."""
    from app.cli import certificates
    from app.cli.command_failed import CommandFailed

    try:
        chain = certificates.read_certificates(certificate)
    except certificates.InvalidCertificate as error:
        raise CommandFailed(str(error)) from None
    except OSError as error:
        raise CommandFailed(f"{error.filename} cannot be used: {error.strerror}.") from None
    for one in chain:
        typer.echo(f"sha256/{certificates.pin_of(one)}  {one.subject.rfc4514_string()}")
