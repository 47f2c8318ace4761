"""Odus keeps the customers of a payments business."""

from importlib.metadata import version

__version__ = version("odus")
