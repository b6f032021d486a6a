"""One of the processes of `gateway serve --processes N`, which only its supervisor starts."""

import json
import sys

from app.cli.command_failed import exit_with_sentence
from app.cli.environment import load_settings
from app.cli.server import Serving, StartedProcess, run_process
from app.library_variables import ignore_library_variables


def main() -> None:
    """Its argument is what `app/cli/server.py` puts together."""
    ignore_library_variables()
    arguments = json.loads(sys.argv[1])
    sys.argv[0] = arguments["program"]  # whose name is printed
    with exit_with_sentence():
        settings = load_settings(processes=arguments["processes"])
        run_process(Serving(settings, **arguments["options"]), StartedProcess(**arguments["process"]))


if __name__ == "__main__":
    main()
