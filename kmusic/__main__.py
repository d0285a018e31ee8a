"""`python -m kmusic`: the command line."""

from kmusic.cli import main

main()
