"""What a gateway under load loses when something breaks: `python -m benchmarks.faults`.

`load` sends known requests and judges each response; `gateway` is the process under test, with memory and
heartbeat watched by `watch`; `proxy` stands before Redis and PostgreSQL. Each family module opens a site (a
gateway with its servers) and lists its faults: how each is injected and mended. `measurement` runs them,
`report` makes the table and `docs/reliability.md`.
"""
