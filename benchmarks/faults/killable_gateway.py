"""`gateway serve` whose inference workers can be killed: each line on standard input ends their threads.

Run as a script. What happens then is what an error in a step of the engine does: the thread dies.
"""

import ctypes
import sys
import threading


def kill_workers_on_command() -> None:
    for _ in sys.stdin:
        for thread in threading.enumerate():
            if thread.name.startswith("inference-") and thread.ident is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)
                )


def main() -> None:
    threading.Thread(target=kill_workers_on_command, daemon=True).start()
    from app.cli import main as gateway

    sys.argv[0] = "gateway"
    gateway()


if __name__ == "__main__":
    main()
