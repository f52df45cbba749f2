from tests.browser import chromium, live_server, playwright, sign_in

__all__ = ["chromium", "live_server", "playwright", "sign_in"]
