"""What sharing an adapter needs beside the Hub: what leaves, its card, what the Hub's errors mean.

export.py       a run's files without paths of this machine or secrets
model_card.py   the README of a published adapter
picture.py      its curves, as an image
recorded.py     exported runs as run folders: for a Space, for a public page
hub_errors.py   what the Hub's library raises, as one sentence
recording.py    asking every adapter about the prepared examples
prepare.py      getting ready for a machine without internet
"""
