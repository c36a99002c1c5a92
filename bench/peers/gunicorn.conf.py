"""How the peers are served: gunicorn's own gevent worker, one of it."""

worker_class = "gevent"
workers = 1
# Held polls and, beside them, connections that send.
worker_connections = 20_000
backlog = 4096
keepalive = 5
# On by default, and shared by all instances of one user.
control_socket_disable = True
