from tests.browser import chromium as chromium
from tests.browser import live_server as live_server
from tests.browser import playwright as playwright
from tests.browser import sign_in as sign_in
