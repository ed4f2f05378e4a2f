"""The leak test of a finished release: nothing that a build withheld is in its files.

``note`` puts down what tasks leave out, ``gather`` makes the private sets of it, ``private`` reads
them back, ``walk`` looks into one object of a release, and ``scan`` into all of them.
"""
