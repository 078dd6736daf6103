"""``python -m axon``, for where no script is on the path."""

from axon.main import main

main()
