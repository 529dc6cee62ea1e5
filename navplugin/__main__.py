"""`python -m navplugin` is the console script."""

from navplugin.cli import main

main()
