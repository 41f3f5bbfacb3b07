"""The Railway client of convos_infra, copied by `make pool-client`."""
