"""What the server is compared with: each a small server, written the way its makers recommend.

All are served by gunicorn's own gevent worker, with the same SQLite library. None knows people, tokens or
bills.
"""
