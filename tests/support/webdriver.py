"""A browser, driven through chromedriver's WebDriver protocol; Python's standard library alone."""
import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request


class Browser:
    def __init__(self, width=1280, height=900):
        self.driver = subprocess.Popen([shutil.which("chromedriver"), "--port=0"], stdout=subprocess.PIPE, text=True)
        port = None
        for line in self.driver.stdout:
            if "on port " in line and "success" in line:
                port = line.rsplit("on port ", 1)[1].strip(" .\n")
                break
        self.base = f"http://127.0.0.1:{port}"
        # A profile of its own, and nothing asked from outside.
        self.profile = tempfile.mkdtemp()
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                     "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
                     "--disable-sync", f"--user-data-dir={self.profile}", f"--window-size={width},{height}"]
        options = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL"},
                   "goog:chromeOptions": {"args": arguments, "binary": shutil.which("chromium")}}}}
        self.session = self.call("POST", "/session", options)["sessionId"]

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def on(self, method, path, body=None):
        return self.call(method, f"/session/{self.session}{path}", body)

    def open(self, url):
        self.on("POST", "/url", {"url": url})

    def run(self, script, *args):
        return self.on("POST", "/execute/sync", {"script": script, "args": list(args)})

    def size(self, width, height):
        """Of the page itself: phones are narrower than a window may be."""
        self.on("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride",
                "params": {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}})

    def shot(self, path, whole=True):
        params = {"captureBeyondViewport": whole}
        if whole:
            height = self.run("return document.documentElement.scrollHeight")
            width = self.run("return innerWidth")
            params["clip"] = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        data = self.on("POST", "/goog/cdp/execute", {"cmd": "Page.captureScreenshot", "params": params})["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))

    def errors(self):
        """Console messages of level SEVERE since the last call."""
        return [e["message"] for e in self.on("POST", "/se/log", {"type": "browser"}) if e["level"] == "SEVERE"]

    def wait(self, script, seconds=30):
        end = time.time() + seconds
        while time.time() < end:
            value = self.run(script)
            if value:
                return value
            time.sleep(0.2)
        raise AssertionError(f"after {seconds} s still not: {script}")

    def close(self):
        try:
            self.on("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()
            shutil.rmtree(self.profile, ignore_errors=True)
