"""All that run scripts written for upstream L2L need, on top of the same engine.

``finder`` maps old import paths to new ones, ``experiment`` has the three calls of every script,
``trajectory`` the object they share, ``optimizer`` the classic constructors.
"""
