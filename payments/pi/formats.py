"""The shapes of the names that Pi and its chain give things, as patterns for `re.fullmatch`."""

IDENTIFIER = r"[A-Za-z0-9_-]{1,64}"  # of a payment
TXID = r"[0-9a-fA-F]{64}"  # the hash of a transaction
WALLET = r"G[A-Z2-7]{55}"  # the public address of a wallet
