"""`python -m evalh`."""

from evalh.cli.main import main

main()
