"""What tests, benchmarks and training share: servers, gateways, hostile files, reference models, figures."""
