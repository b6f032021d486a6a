"""Prints a line of JSON for each line that it reads: `placement` or `requests` of what runs in a Ray cluster.

Executed with the Python of an environment that has Ray.
"""

import json
import os
import sys
from typing import Any, Final

import ray
from ray.serve.context import _get_global_client

SECONDS: Final = 10.0


def main() -> None:
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # where Ray prints what happens in the cluster
    ray.init(address="auto", log_to_driver=False)
    for line in sys.stdin:
        print(json.dumps(requests() if line == "requests\n" else placement()), file=replies, flush=True)


def placement() -> dict[str, Any]:
    """`nodes`: the ids of those that are alive. `replicas`: those that serve, with their nodes."""
    nodes = sorted(each["NodeID"] for each in ray.nodes() if each["Alive"])
    serving = [each for each in _replicas() if each["node_id"] in nodes]  # Serve hears of dead nodes later
    return {"nodes": nodes, "replicas": {each["replica_id"]: each["node_id"] for each in serving}}


def requests() -> dict[str, int]:
    """How many each replica has, running and waiting."""
    actors = {
        each["replica_id"]: ray.get_actor(each["actor_name"], namespace="serve") for each in _replicas()
    }
    counts = [actor.get_num_ongoing_requests.remote() for actor in actors.values()]
    return dict(zip(actors, ray.get(counts, timeout=SECONDS), strict=True))


def _replicas() -> list[dict[str, Any]]:
    client = _get_global_client(raise_if_no_controller_running=False)
    if client is None:
        return []
    return [
        replica
        for application in client.get_serve_details()["applications"].values()
        for deployment in application["deployments"].values()
        for replica in deployment["replicas"]
        if replica["state"] == "RUNNING"
    ]


if __name__ == "__main__":
    main()
