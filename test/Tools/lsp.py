"""A minimal editor: opens files in mixln-lsp-server and prints what it is told about them."""
import json
import pathlib
import subprocess
import sys

import mixlntest as mt


class Server:
    def __init__(self):
        self.process = subprocess.Popen(["mixln-lsp-server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)

    def send(self, **message):
        text = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(text), text))
        self.process.stdin.flush()

    def receive(self):
        length = 0
        while line := self.process.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return json.loads(self.process.stdout.read(length))

    def wait(self, accept):
        while True:
            message = self.receive()
            if accept(message):
                return message

    def open(self, path):
        uri = path.resolve().as_uri()
        self.send(method="textDocument/didOpen", params={"textDocument": {
            "uri": uri, "languageId": "mlir", "version": 1, "text": path.read_text()}})
        told = self.wait(lambda m: m.get("method") == "textDocument/publishDiagnostics" and m["params"]["uri"] == uri)
        return told["params"]["diagnostics"]


server = Server()
server.send(id=1, method="initialize", params={"processId": None, "rootUri": None, "capabilities": {}})
answer = server.wait(lambda m: m.get("id") == 1)
if "hoverProvider" not in answer["result"]["capabilities"]:
    mt.fail(f"initialize: {answer}")
server.send(method="initialized", params={})
opened = 0
for name in sys.argv[1:]:
    path = pathlib.Path(name)
    diagnostics = server.open(path)
    wants_error = "broken" in path.name
    if bool(diagnostics) != wants_error:
        mt.fail(f"{path.name}: {diagnostics}")
    opened += 1
    print(f"{path.name}: {diagnostics[0]['message'] if diagnostics else 'no diagnostics'}")
server.send(id=2, method="shutdown")
server.wait(lambda m: m.get("id") == 2)
server.send(method="exit")
server.process.stdin.close()
if server.process.wait(timeout=20) != 0:
    mt.fail("the server does not exit with 0")
print(f"{opened} files opened")
