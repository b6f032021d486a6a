"""What `deploy/ray/deploy` runs: the engine as an application of Ray Serve."""

import sys
import time
from typing import Final

import ray
from pydantic import ValidationError
from ray import serve

from app.settings import Settings
from deploy.ray import replica
from deploy.ray.options import Options, read_options, settings_for_replicas
from deploy.ray.replica import EngineReplica, digest_of

NAME: Final = "engine"
SPARE_REQUESTS: Final = 64  # above a replica's places: to those it responds itself, with 503 and Retry-After
SHUTDOWN_SECONDS: Final = 10.0  # after the drain
CHECK_SECONDS: Final = 5.0  # between checks, of which three in a row must fail
NODE_SECONDS: Final = 60.0  # a node of this machine takes about 15 to start
RETRY_SECONDS: Final = 1.0


def main() -> None:
    """Returns when replicas serve; they go on."""
    try:
        settings = Settings()
        options = read_options(sys.argv[1:], settings)
    except ValidationError as error:
        sys.exit("; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()))
    except (ValueError, OSError) as error:
        sys.exit(str(error))
    ray.cloudpickle.register_pickle_by_value(replica)
    connect(options.address)
    serve.start(proxy_location="EveryNode", http_options={"host": options.host, "port": options.port})
    serve.run(application(settings, options), name=NAME)
    print(f"The engine serves at port {options.port} of the first node and of each node with a replica.")
    ray.shutdown()


def connect(address: str) -> None:
    """Waits for a node that has just been started."""
    deadline = time.monotonic() + NODE_SECONDS
    while True:
        try:
            ray.init(address=address, log_to_driver=False)
            return
        except ConnectionError:
            if time.monotonic() > deadline:
                sys.exit(f"No node of Ray after {NODE_SECONDS:.0f} s: start one with deploy/ray/node.")
        time.sleep(RETRY_SECONDS)


def application(settings: Settings, options: Options) -> serve.Application:
    deployment = serve.deployment(
        name=NAME,
        ray_actor_options={"num_cpus": options.cpus, "num_gpus": options.gpus},
        max_ongoing_requests=settings.limits.max_in_flight + SPARE_REQUESTS,
        max_queued_requests=settings.limits.max_in_flight,
        graceful_shutdown_timeout_s=settings.drain_seconds + SHUTDOWN_SECONDS,
        health_check_period_s=CHECK_SECONDS,
        health_check_timeout_s=CHECK_SECONDS,
        autoscaling_config={
            "min_replicas": options.min_replicas,
            "max_replicas": options.max_replicas,
            "target_ongoing_requests": options.queue,
            "upscale_delay_s": options.upscale_seconds,
            "downscale_delay_s": options.downscale_seconds,
            "look_back_period_s": options.look_back_seconds,
        },
    )(serve.ingress()(EngineReplica))
    return deployment.bind(settings_for_replicas(settings, options.gpus), digest_of(options.key))


if __name__ == "__main__":
    main()
