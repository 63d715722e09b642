"""Anything the library computes, over a grid of settings."""
