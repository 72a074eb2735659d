"""The command line and the Textual app: front ends of the engine that never hold a tensor."""

__version__ = "0.1.0"
