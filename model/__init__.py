"""The network, and nothing about training it."""
