"""Websites of somebody else, which show a widget."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# What a strict website needs to allow, as docs/widget.md says.
POLICY = "default-src 'none'; script-src {chat}; frame-src {chat}"
PAGE = """<!doctype html><html lang="{language}" dir="{dir}"><head><title>Shop</title>
<meta name="viewport" content="width=device-width">{tag}</head>
<body><h1>Garden chairs</h1><p><a href="/other">Another page</a></p></body></html>"""


class Website:
    """Start it with `with`; every page of it has the tag, and a policy that allows nothing else.

    By any name that ends in `.example` it is a site of its own.
    """

    # What it shows; a widget's key is known when its origins are.
    tag = ""

    def __init__(self, chat: str, language: str = "en", dir: str = "ltr") -> None:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = PAGE.format(language=language, dir=dir, tag=site.tag).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Security-Policy", POLICY.format(chat=chat))
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port

    def __enter__(self) -> "Website":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def url(self, name: str) -> str:
        """Its origin by this name."""
        return f"http://{name}.example:{self.port}"
